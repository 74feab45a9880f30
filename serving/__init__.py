"""Ways out: the command line, the service and the managers' page."""
