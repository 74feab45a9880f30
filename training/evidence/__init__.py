"""Evidence: how right the models have been at earlier origins."""
