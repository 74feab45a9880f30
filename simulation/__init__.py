"""A software company that does not exist, and its truth. Only the command line and tests import it."""
