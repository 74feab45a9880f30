"""What happened next, and what will: outcomes, models, forecasts and how good they are."""

import os

# Read when LightGBM is loaded. By default its threads spin while they wait for one another, so that on a machine whose
# cores are busy a small model that takes seconds takes minutes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
