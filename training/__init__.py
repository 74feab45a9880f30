"""What happened next, and what will: outcomes, models, forecasts and how good they are."""
