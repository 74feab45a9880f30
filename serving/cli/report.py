"""`dealcast report`: how good a model is, as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from serving.cli.models import version_option
from serving.cli.output import check_page, emit, json_option, say

__all__ = ["report"]


@click.command()
@click.argument("what", type=click.Choice(["leads", "deals"]))
@version_option
@click.option("--out", type=click.Path(path_type=Path), callback=check_page, metavar="FILE.html",
              help="Where to write it. [default: leads-report.html or deals-report.html in this folder]")
@json_option
@click.pass_obj
def report(home_path: Path, what: str, version: int | None, out: Path | None, as_json: bool) -> None:
    """Write how good a model is: one HTML file that opens without a network.

    It shows what was found when the model was trained: at earlier dates, beside plain models, whether there is any
    skill at all. The same file is kept with the training in MLflow.
    """
    from features.home import Home
    from serving.champion import model_for
    from training.evidence.report import report_html
    from training.registry.versions import versions

    home = Home.open(home_path)
    newest = max((one.as_of for one in versions(home, what)), default=home.last_known())
    chosen, model = model_for(home, what, newest, version)
    evaluation = model.evaluation
    out = out or Path(f"{what}-report.html")
    out.write_text(report_html(home.mapping, evaluation, chosen.label), encoding="utf-8")
    sentence = evaluation["verdict"]["sentence"]
    if as_json:
        emit({"out": str(out), "model": chosen.label, "verdict": evaluation["verdict"]})
    else:
        say(f"{out}: model {chosen.label}. {sentence}")
