"""Ways in: files as they are exported, read as they stand and turned into the contract's rows."""
