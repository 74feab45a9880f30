"""Ways out: the command line, the service and the managers' page."""

import os

# Set where everything of ours that starts BentoML or MLflow passes by, before either is imported, and inherited by
# the processes they start: nothing is reported to anybody.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
