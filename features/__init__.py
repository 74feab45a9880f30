"""What was known, and when: the CRM's history and the features derived from it as of any date."""
