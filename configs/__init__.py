"""Shipped defaults: settings, and mappings of files to the contract."""
