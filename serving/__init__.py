"""Ways out: the command line, the service and the managers' page."""

import os
import sys

# Set where everything of ours that starts BentoML or MLflow passes by, before either is imported, and inherited by
# the processes they start: nothing is reported to anybody.
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# `bentoml serve serving.service:Dealcast` has asked itself before it comes here, and remembers the answer.
_usage = sys.modules.get("bentoml._internal.utils.analytics.usage_stats")
if _usage is not None:
    _usage.do_not_track.cache_clear()
