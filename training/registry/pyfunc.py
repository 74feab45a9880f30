"""A registered model as MLflow loads it: `mlflow.pyfunc.load_model("models:/deals@champion")`.

In: a table with deal_id (lead_id) and as_of (a date or timestamp), and the params `home` (the folder whose history
the features come from) and, for deals, `within` (28d). Out: the rows that `dealcast score` writes, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.calendar import parse_as_of, parse_within
from features.home import Home
from training import deal_scores, lead_scores
from training.hazard import HazardModel

__all__ = ["Scorer"]


@dataclass(frozen=True)
class Scorer:
    model: HazardModel

    def predict(self, table: pd.DataFrame, params: dict[str, Any]) -> pd.DataFrame:
        """Score each row as of its own date. Raises NotFound for an unknown subject, BadInput for one not open."""
        home = Home.open(params["home"])
        id_column = f"{self.model.kind}_id"
        parts = []
        for as_of, rows in table.groupby("as_of", sort=False):
            moment = parse_as_of(str(as_of), home.mapping.zone)
            history, ids = home.history(moment), rows[id_column].tolist()
            if self.model.kind == "lead":
                scored = lead_scores.score(self.model, history, moment, home.settings, ids)
            else:
                scored = deal_scores.score(self.model, history, moment, parse_within(params["within"]), ids)
            parts.append(scored.set_index(rows.index))
        return pd.concat(parts).loc[table.index]


def _load_pyfunc(folder: str) -> Scorer:
    return Scorer(HazardModel.load(Path(folder)))
