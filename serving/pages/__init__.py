"""The managers' page: one look at how much, how sure, and why."""
