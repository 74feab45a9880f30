"""`python -m tests.figures [--small] [NAME …]`: compute the figures; without --small, write them into the docs."""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys

from tests.figures import (
    backtest,
    bpic2012,
    bpic2012_leads,
    deals,
    demo,
    drafts,
    engine,
    features,
    few_deals,
    forecast_speed,
    headline,
    kinds,
    mapping_keys,
    million,
    no_signal,
    noninferior,
    quarters,
    reasons,
    sheet,
    simulated,
    simulation,
    skill,
    small_data,
    speed,
    store,
    uci,
    widths,
    worklist,
)
from tests.figures.cache import ROOT

FIGURES = {"bpic2012": bpic2012.table, "bpic2012-leads": bpic2012_leads.table,
           "backtest": backtest.table, "scoreboard": backtest.board, "kinds": kinds.table,
           "quarters": quarters.table, "widths": widths.table, "few-deals": few_deals.table,
           "simulated": simulated.table, "demo": demo.table, "headline": headline.table,
           "request": demo.request, "first-request": demo.first_request,
           "map": drafts.table, "mapping-keys": mapping_keys.table,
           "excel-map": sheet.drafted, "excel-import": sheet.imported,
           "excel-train": sheet.trained, "excel-score": sheet.scored, "features": features.table,
           "engine": engine.table, "forecast-speed": forecast_speed.table,
           "simulation": simulation.calibration, "oracle": simulation.oracle_table,
           "million": million.table, "store": store.table, "skill": skill.table,
           "no-signal": no_signal.table,
           "noninferior": noninferior.table, "small-data": small_data.table, "speed": speed.table,
           "deal-speed": deals.table, "worklist": worklist.table, "reasons": reasons.table, "uci": uci.table}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make figures", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which figures: {', '.join(FIGURES)}")
    parser.add_argument("--small", action="store_true", help="smaller ones, only printed")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - set(FIGURES):
        parser.error(f"no such figure: {', '.join(sorted(unknown))}. There are {', '.join(FIGURES)}.")
    for name in chosen.names or FIGURES:
        print(f"== {name}", flush=True)
        text = FIGURES[name](chosen.small)
        print(text or "skipped: the data set is not at ../shared/data", flush=True)
        if text and not chosen.small:
            write(name, text)
    return 0


def write(name: str, text: str) -> None:
    """Write a figure to docs/figures and between its marks on every page."""
    folder = ROOT / "docs" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(f"{text.rstrip()}\n\n{made_by()}\n", encoding="utf-8")
    for page in PAGES:
        content = page.read_text(encoding="utf-8")
        marked = re.sub(rf"(<!-- figure:{name} -->\n).*?(<!-- /figure -->)",
                        lambda found: f"{found[1]}{text.rstrip()}\n{found[2]}", content, flags=re.DOTALL)
        if marked != content:
            page.write_text(marked, encoding="utf-8")


def made_by() -> str:
    """What made a figure: commit, Python and machine."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True,
                            check=False).stdout.strip() or "no commit"
    return (f"*Made by `make figures` at commit {commit}, Python {platform.python_version()}, {os.cpu_count()} cores, "
            f"{platform.machine()}.*")


if __name__ == "__main__":
    sys.exit(main())
