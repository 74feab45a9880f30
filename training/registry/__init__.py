"""Which models there are: their record in MLflow, their files, and which of them speaks for a date."""
