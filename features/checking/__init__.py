"""`dealcast check`: what a home's history is worth, and what to mend first. A file for each kind of check."""
