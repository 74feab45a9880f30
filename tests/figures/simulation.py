"""The simulated company against the study: shares and rates from the exported files alone, and what an oracle finds.

`shares` reads nothing but the export; `causes` reads the truth beside it, since effects cannot be read off an export.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulation.company import generate
from simulation.manifest import line
from simulation.options import Options, prepare, settings_hash
from simulation.oracle import oracle, report
from simulation.past import simulate
from tests.figures.cache import cached

__all__ = ["Check", "calibration", "causes", "oracle_table", "shares"]


class Check(NamedTuple):
    """A figure that is stated (by the study, or chosen), as found. error : its standard error in these files."""

    what: str
    target: float
    tolerance: float
    found: float
    error: float

    @property
    def ok(self) -> bool:
        """Whether the found value is as near as is claimed, give or take two standard errors of this sample."""
        return bool(abs(self.found - self.target) <= self.tolerance + 2 * self.error)


def _share(what: str, target: float, which: Any, tolerance: float = 0.01) -> Check:
    values = np.asarray(which, dtype=np.float64)
    return _mean(what, target, values, tolerance)


def _mean(what: str, target: float, values: Any, tolerance: float) -> Check:
    values = np.asarray(values, dtype=np.float64)
    return Check(what, target, tolerance, float(values.mean()), float(values.std() / np.sqrt(max(len(values), 1))))


def _ratio(what: str, target: float, part: Any, whole: Any, tolerance: float) -> Check:
    """A share of sums over records, such as revenue; its error by the spread between records."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    found = part.sum() / whole.sum()
    return Check(what, target, tolerance, float(found),
                 float((part - found * whole).std() / whole.mean() / np.sqrt(len(part))))


def shares(folder: Path) -> list[Check]:
    """Every stated share and rate, from the files of an export."""
    read = {name: pd.read_csv(folder / f"{name}.csv", dtype="str", keep_default_na=False)
            for name in ("leads", "deals", "deal_contacts", "deal_reviews", "field_history")}
    leads, deals = read["leads"], read["deals"]
    times = {"leads": pd.to_datetime(leads["created_at"]), "deals": pd.to_datetime(deals["created_at"])}
    last = pd.to_datetime(read["field_history"]["changed_at"]).max()
    leads = leads.assign(at=times["leads"], inside=leads["created_at"] == leads["entered_at"])
    deals = deals.assign(at=times["deals"], inside=deals["created_at"] == deals["entered_at"],
                         won=deals["stage"] == "Closed Won", lost=deals["stage"] == "Closed Lost",
                         worth=pd.to_numeric(deals["amount"]).fillna(0.0))
    new = deals[(deals["kind"] == "new") & deals["inside"]]
    fresh = leads[leads["inside"]]
    return (_trade(fresh, new, deals) + _decisions(fresh, new, last, read["field_history"])
            + _people_and_needs(new, read["deal_contacts"], read["deal_reviews"]) + _customers(deals, new))


def _trade(leads: pd.DataFrame, new: pd.DataFrame, deals: pd.DataFrame) -> list[Check]:
    checks = [_share(f"leads from {name} customers", share, leads["segment"] == name)
              for name, share in (("small", 0.62), ("large", 0.28), ("government", 0.10))]
    checks += [_share(f"new deals for {name} products", share, new["product"] == name)
               for name, share in (("standard", 0.41), ("custom", 0.39), ("SaaS", 0.20))]
    checks += [_share(f"new deals delivered as {name}", share, new["delivery"] == name)
               for name, share in (("perpetual", 0.55), ("subscription", 0.38), ("hybrid", 0.07))]
    won = deals[deals["won"]]
    checks.append(_ratio("revenue that partners bring", 0.53, won["worth"] * (won["source"] == "partner"),
                         won["worth"], 0.03))
    checks.append(Check("industries", 12, 0, leads["industry"].nunique(), 0.0))
    return checks


def _decisions(leads: pd.DataFrame, new: pd.DataFrame, last: pd.Timestamp, history: pd.DataFrame) -> list[Check]:
    old = leads[leads["at"] <= last - pd.Timedelta(days=640)]
    customers = set(new.loc[new["won"], "lead_id"])
    became = old["lead_id"].isin(customers)
    checks = [_share("leads that become won customers, a little under 8%", 0.078, became, 0.004)]
    # Deals of the log's beginning, of which all but a few are decided.
    early = new[(new["at"] <= last - pd.Timedelta(days=640)) & (new["won"] | new["lost"])]
    stages = history[(history["object"] == "Deal") & (history["field"] == "stage")].copy()
    stages["at"] = pd.to_datetime(stages["changed_at"])
    stages["left"] = stages.groupby("record_id")["at"].shift(-1)
    stages["next"] = stages.groupby("record_id")["new_value"].shift(-1)
    stages["days"] = (stages["left"] - stages["at"]).dt.total_seconds() / 86_400
    total = stages.groupby("record_id")["days"].sum()
    months = early["deal_id"].map(total) / 30.4375
    checks.append(_mean("months to a decision", 7.2, months, 0.2))
    lost = new[new["lost"] & (new["loss_reason"] != "")]
    checks.append(_share("losses that come from slow decisions", 0.42, lost["loss_reason"] == "no decision"))
    designed = stages[(stages["new_value"] == "Solution design") & (stages["next"] == "Value validation")
                      & stages["record_id"].isin(new["deal_id"])]
    checks.append(_mean("days of solution design", 12, designed["days"], 0.5))
    won = early[early["won"]]["deal_id"]
    talks = stages[stages["new_value"] == "Negotiation"].groupby("record_id")["days"].sum()
    checks.append(_ratio("negotiation, of the cycle of won deals", 0.30, won.map(talks).fillna(0.0), won.map(total),
                         0.02))
    return checks


def _people_and_needs(new: pd.DataFrame, members: pd.DataFrame, reviews: pd.DataFrame) -> list[Check]:
    checks = [_mean("people in a decision", 4.2, pd.to_numeric(new["decision_makers"]), 0.05)]
    deciding = members[(members["role"] != "user") & members["deal_id"].isin(new["deal_id"])]
    checks += [_share(f"of whom {name}", share, deciding["role"] == name, 0.02)
               for name, share in (("technical", 0.40), ("budget", 0.35), ("business", 0.25))]
    numbers = reviews[["meetings", "needs_told", "needs_found", "needs_missed", "fit"]].astype(int)
    implicit = numbers["needs_found"] + numbers["needs_missed"]
    checks.append(_ratio("needs that are implicit", 0.67, implicit, implicit + numbers["needs_told"], 0.01))
    none, most = numbers["meetings"] == 0, numbers["meetings"] == numbers["meetings"].max()
    for name, target, which in (("without", 0.23, none), ("after a deep", 0.35, most)):
        checks.append(_ratio(f"of which found {name} discovery", target, numbers["needs_found"][which],
                             implicit[which], 0.015))
    checks.append(Check("fit of the solution after a deep discovery, against none", 1.42, 0.005,
                        float(numbers["fit"][most].mean() / numbers["fit"][none].mean()), 0.0))
    won = new[new["won"]]
    checks.append(_share("won projects that promise more than the product holds", 0.38,
                         won["beyond_standard"] == "yes", 0.02))
    return checks


def _customers(deals: pd.DataFrame, new: pd.DataFrame) -> list[Check]:
    decided = deals[(deals["kind"] == "renewal") & (deals["won"] | deals["lost"])]
    checks = [_share("renewals won", 0.58, decided["won"], 0.02)]
    rates = {name: decided.loc[decided["delivery"] == name, "won"].to_numpy(float)
             for name in ("subscription", "perpetual")}
    gap = rates["subscription"].mean() - rates["perpetual"].mean()
    error = np.sqrt(sum(one.var() / len(one) for one in rates.values()))
    checks.append(Check("subscribers stay more often than buyers of a licence by", 0.27, 0.02, float(gap),
                        float(error)))
    return checks


def causes(truth: Path) -> list[Check]:
    """The effects that the study states, from the truth's folder."""
    table = pd.read_csv(truth / "causes.csv").set_index(["action", "outcome"])

    def change(action: str, outcome: str) -> tuple[float, float]:
        row = table.loc[(action, outcome)]
        return float(row["with"] / row["without"] - 1), float(row["se"] / row["without"])

    return [Check("a validated value makes the rest of the decision longer by", -0.375, 0.025,
                  *change("value validated", "weeks")),
            Check("a value anchor raises success in negotiation by", 0.58, 0.04, *change("value anchor", "win"))]


def _lines(checks: list[Check]) -> list[str]:
    return ["| | stated | found | tolerance | standard error here | |", "| --- | --: | --: | --: | --: | --- |",
            *(f"| {one.what} | {one.target:g} | {one.found:.3f} | ±{one.tolerance:g} | {one.error:.3f} | "
              f"{'ok' if one.ok else '**off**'} |" for one in checks)]


def _calibrated(options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder), seed=1, options=options)
        effects = pd.read_csv(made.truth_folder / "causes.csv")
        return {"line": line(made.manifest), "shares": shares(made.export_folder), "causes": causes(made.truth_folder),
                "effects": effects.to_dict("records")}


def calibration(small: bool) -> str:
    """Stated against found, and the true effect of each action beside what one would naively see."""
    options = Options(size="demo") if small else Options(size="company", wins=600)
    found = cached(f"simulation-{options.size}", lambda: _calibrated(options))
    parts = [[Check(*one) for one in found[name]] for name in ("shares", "causes")]
    effects = ["| action | taken at | outcome | done | not done | true effect | naive difference |",
               "| --- | --- | --- | --: | --: | --: | --: |",
               *(f"| {one['action']} | {one['at']} | {one['outcome']} | {one['with']:.3f} | {one['without']:.3f} | "
                 f"{one['effect']:+.3f} ± {one['se']:.3f} | {one['naive']:+.3f} |" for one in found["effects"])]
    return "\n".join([found["line"], "", "From the exported files alone:", "", *_lines(parts[0]), "",
                      "From the truth:", "", *_lines(parts[1]), "",
                      "What each action truly does (both worlds simulated with the same random numbers), and the "
                      "difference between those that had it and those that had not (win and renewal are probabilities, "
                      "weeks run from the landmark to the decision):", "", *effects])


def oracle_table(small: bool) -> str:
    """The best possible on both variants of the demo, and on the second company."""
    def compute(variant: str) -> dict[str, Any]:
        world, size = prepare(Options(size="tiny" if small else "demo", variant=variant))
        return oracle(simulate(world, size, 1), 1, futures=50 if small else 200)

    parts = [f"Settings {settings_hash()}.", ""]
    for variant in ("open", "real"):
        found = cached(f"oracle-{variant}-{small}", lambda variant=variant: compute(variant))  # type: ignore[misc]
        parts += [f"**Variant {variant}** (size {'tiny' if small else 'demo'}, seed 1)", "", report(found), ""]
    return "\n".join(parts)
