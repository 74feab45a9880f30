"""A bank's calls in the order of time (UCI Bank Marketing), as they would run: retrained before each block of calls."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt
import pandas as pd

from features.calendar import DAY
from features.history import History
from features.home import Home
from features.importing import import_files
from features.mapping import parse_mapping
from features.settings import load_settings
from tests.figures.cache import ROOT, cached
from training import lead_conversion

__all__ = ["calls", "history", "table"]

FILE = ROOT.parent / "shared" / "data" / "uci_bank_marketing" / "bank_additional_full.parquet"
BLOCKS = 10
DELAY = 500  # a call's answer is known when so many more calls have been made
LAST = 1000  # answers that the rate to beat is counted from
SMALL = 6000  # calls of the small figure
START = pd.Timestamp("2008-05-01", tz="Europe/Lisbon")

# What was known before the call. Its duration, which the file has too, was not.
TEXTS = ["job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome"]
NUMBERS = ["age", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m",
           "nr.employed"]
MAPPING = """
company: bank_calls
time_zone: Europe/Lisbon
currency: EUR
leads: {field: answer, converted: ["yes"], disqualified: ["no"], horizon: {days: 1, from: created}}
sources:
  - file: calls.parquet
    rows: leads
    columns: {lead_id: row_order, created_at: called_at}
    fields:
      answer: {column: y, past: final_only, closed_at: answered_at}
"""

Floats = npt.NDArray[np.float64]


@lru_cache(maxsize=1)
def calls() -> pd.DataFrame:
    return pd.read_parquet(FILE).sort_values("row_order", ignore_index=True)


@lru_cache(maxsize=1)
def history(n: int) -> History:
    """The first n calls on an invented clock: DELAY of them a day, evenly, so that an answer is known a day later."""
    frame = calls().iloc[:n]
    called = START + pd.to_timedelta(np.arange(n) * (DAY // DELAY), unit="us")
    frame = frame.assign(called_at=called, answered_at=called + pd.Timedelta(days=1))
    fields = [f"      {name.replace('.', '_')}: {{column: {name}, past: at_creation, type: {type_}}}\n"
              for names, type_ in ((TEXTS, "text"), (NUMBERS, "number")) for name in names]
    text = MAPPING + "".join(fields)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        frame.to_parquet(path / "calls.parquet")
        home = Home.open(path / "home", must_exist=False)
        import_files(home, path / "calls.parquet", parse_mapping(text, "the figure's mapping"), text,
                     recorded_at=int((called[-1] + pd.Timedelta(days=2)).value // 1000))
        return Home.open(path / "home").history()


def blocks(n: int) -> list[dict[str, Any]]:
    """Blocks 2 to 10 of n calls: mean log-loss of the rate of the last answers, of plain LightGBM and of ours."""
    past, settings = history(n), load_settings()
    frame = calls().iloc[:n]
    said_yes = (frame["y"] == "yes").to_numpy(np.float64)
    created = past.leads.created_at
    lead = past.leads.codes(frame["row_order"].astype(str).to_numpy(object))  # of each call, in the order of time
    found = []
    for block in range(1, BLOCKS):
        first, last = (round(n * part / BLOCKS) for part in (block, block + 1))
        here = np.arange(first, last)
        as_of = int(created[lead[first]]) - 1
        with tempfile.TemporaryDirectory() as folder:
            model = lead_conversion.train(past, as_of, settings, Path(folder)).model
        curves = model.curves(past, lead[here], created[lead[here]])
        chances = {"rate": rate(said_yes, here), "lightgbm": plain_lightgbm(frame, said_yes, first, here),
                   "ours": curves.win_by(created[lead[here]] + DAY)}
        found.append({"block": block + 1, "n": len(here), "yes": float(said_yes[here].mean()), "voice": model.voice,
                      **{name: log_loss(chance, said_yes[here]) for name, chance in chances.items()}})
    return found


def rate(said_yes: Floats, asked: npt.NDArray[np.int64]) -> Floats:
    """Share of "yes" among the last LAST answers that are known at each call asked about, (k,)."""
    total = np.concatenate([[0.0], np.cumsum(said_yes)])
    known = np.maximum(asked - DELAY, 0)
    start = np.maximum(known - LAST, 0)
    return np.asarray((total[known] - total[start] + 0.5) / (known - start + 1.0), dtype=np.float64)


def plain_lightgbm(frame: pd.DataFrame, said_yes: Floats, first: int, asked: npt.NDArray[np.int64]) -> Floats:
    """A classifier of the settings' size on the calls whose answers are known before the block's `first`."""
    options = load_settings().training.lightgbm
    x = frame[[*TEXTS, *NUMBERS]].astype(dict.fromkeys(TEXTS, "category"))
    known = np.arange(max(first - DELAY, 0))
    parameters = {"objective": "binary", "num_leaves": options.num_leaves, "learning_rate": options.learning_rate,
                  "min_data_in_leaf": options.min_data_in_leaf, "lambda_l2": options.lambda_l2,
                  "feature_fraction": options.feature_fraction, "bagging_fraction": options.bagging_fraction,
                  "bagging_freq": 1, "seed": 1, "num_threads": options.num_threads, "deterministic": True,
                  "verbosity": -1}
    booster = lgb.train(parameters, lgb.Dataset(x.iloc[known], said_yes[known]), options.num_rounds)
    return np.asarray(booster.predict(x.iloc[asked]), dtype=np.float64)


def log_loss(chance: Floats, came: Floats) -> float:
    chance = np.clip(chance, 1e-6, 1.0 - 1e-6)
    return float(-np.mean(came * np.log(chance) + (1.0 - came) * np.log(1.0 - chance)))


def table(small: bool) -> str:
    if not FILE.is_file():
        return ""
    n = SMALL if small else len(calls())
    rows = cached(f"uci-{n}", lambda: blocks(n))
    lines = ["| block | calls | said yes | rate of the last 1,000 | plain LightGBM | ours | ours − rate | loudest |",
             "| --: | --: | --: | --: | --: | --: | --: | --- |"]
    lines += [f"| {row['block']} | {row['n']} | {row['yes']:.1%} | {row['rate']:.4f} | {row['lightgbm']:.4f} | "
              f"{row['ours']:.4f} | {row['ours'] - row['rate']:+.4f} | {row['voice']} |" for row in rows]
    mean = pd.DataFrame(rows).mean(numeric_only=True)
    lines.append(f"| **mean** | {mean.n:.0f} | {mean.yes:.1%} | {mean.rate:.4f} | {mean.lightgbm:.4f} | "
                 f"**{mean.ours:.4f}** | {mean.ours - mean.rate:+.4f} | |")
    worst = max(row["ours"] - row["rate"] for row in rows)
    lines += ["", f"In the worst block ours is {worst:+.4f} from the rate of the last {LAST:,} known answers."]
    return "\n".join(lines) + "\n"
