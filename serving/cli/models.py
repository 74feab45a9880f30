"""`dealcast train` and `dealcast score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from features.errors import BadInput
from serving.cli.output import check_out_file, emit, json_option, progress, say, table, write_frame

if TYPE_CHECKING:
    from features.home import Home
    from training.registry.versions import ModelVersion

__all__ = ["as_of_option", "note_silence", "read_as_of", "score", "train", "version_option"]

as_of_option = click.option("--as-of", required=True, metavar="DATE", help="What was known up to this date, or now.")
version_option = click.option("--model", "version", type=click.IntRange(min=1), metavar="VERSION",
                              help="This version instead of the one that speaks for the date.")
out_option = click.option("--out", required=True, type=click.Path(path_type=Path), callback=check_out_file,
                          metavar="FILE", help="CSV or Parquet, by its ending.")


def read_as_of(text: str, home: Home) -> int:
    """Read --as-of: a date, a timestamp or "now", in microseconds UTC. Raises BadInput, also for what is to come."""
    import time

    from serving.dates import read_as_of as read

    clock = time.time_ns() // 1000
    return read(text, home.mapping.zone, home.log_end() if home.mapping.simulated else clock, clock)


def note_silence(home: Home, moment: int) -> None:
    """Say on stderr where nothing is known of the last days before a moment."""
    from features.calendar import DAY, iso
    from serving.dates import SILENCE_DAYS

    newest = home.last_known()
    if moment - newest > SILENCE_DAYS * DAY:
        click.echo(f"Note: the newest entry is of {iso(newest, home.mapping.zone)}. Between it and the "
                   "as-of date nothing is taken to have happened; import a newer export, or ask as of an earlier date.",
                   err=True)


@click.command()
@click.argument("what", type=click.Choice(["leads", "deals", "all"]))
@as_of_option
@click.option("--trials", type=click.IntRange(min=1, max=10_000), metavar="N",
              help="Try so many settings of LightGBM at each date first; the same number gives the same model.")
@click.option("--tune", "seconds", type=click.FloatRange(min=1), metavar="SECONDS",
              help="The same for as long at the last date, and as many trials at the others; says how many.")
@json_option
@click.pass_obj
def train(home_path: Path, what: str, as_of: str, trials: int | None, seconds: float | None, as_json: bool) -> None:
    """Train models of leads, deals or both.

    They learn from what was known up to DATE, are judged at earlier dates and logged to MLflow in the home. Each
    serves from then on, unless the one that does knows more.
    """
    import math
    import time

    from features.calendar import iso
    from features.home import Home
    from training.registry.runs import train_and_register, trainable

    if trials and seconds:
        raise BadInput("--tune and --trials both say how long to try settings. Give one of them.")
    if seconds and not math.isfinite(seconds):
        raise BadInput(f"--tune takes a number of seconds, not {seconds:g}.")
    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    note_silence(home, moment)
    done: list[dict[str, Any]] = []
    for name in trainable(home) if what == "all" else [what]:
        with progress(f"Training {name}") as report:
            version, result = train_and_register(home, name, moment, trained_at=time.time_ns() // 1000,
                                                 progress=report, trials=trials, seconds=seconds)
        done.append({"model": version.label, "as_of": iso(version.as_of, home.mapping.zone),
                     "champion": version.is_champion, "metrics": result.metrics, "summary": result.summary})
        if not as_json:
            say(f"{version.label}, trained up to {iso(version.as_of, home.mapping.zone)}{_until(home, version)}")
            if result.summary["trials"]:
                say(f"Settings were tried {result.summary['trials']} times at each date; --trials with that "
                    "number gives the same model again.")
            _show_evidence(result.summary)
    if as_json:
        emit({"models": done})


def _until(home: Home, version: ModelVersion) -> str:
    """For which dates a version of an earlier date speaks; nothing for the one that speaks from its date on."""
    from features.calendar import iso
    from training.registry.versions import versions

    later = [one.as_of for one in versions(home, version.model) if one.as_of > version.as_of]
    if version.is_champion or not later:
        return ""
    return f": speaks for dates from then until {iso(min(later), home.mapping.zone)}, when a later version takes over"


def _show_evidence(evaluation: dict[str, Any]) -> None:
    """Print how good a model was at earlier dates, beside what it has to beat."""
    median, origins = evaluation["median"], evaluation["origins"]
    say(evaluation["verdict"]["sentence"])
    if not origins:
        return

    def line(name: str, key: str) -> list[str]:
        return [name, *(f"{median[one]:.3f}" if one in median else "–"
                        for one in (key, f"{key}_base", f"{key}_stage", f"{key}_aj"))]

    table(["", "model", "base rate", "stage rate", "stage and time in it"],
          [line("log-loss", "log_loss"), line("AUC", "auc")],
          title=f"Medians of {len(origins)} earlier dates, each trained to it and tested after it")


@click.group()
def score() -> None:
    """Score leads or deals into a file."""


ids_option = click.option("--ids", metavar="A,B,…", help="These only, with commas between.")
reasons_option = click.option("--reasons", "n_reasons", type=click.IntRange(0, 5), default=0, show_default=True,
                              help="Columns for so many reasons for, and as many against.")


@score.command("leads")
@as_of_option
@out_option
@ids_option
@reasons_option
@version_option
@json_option
@click.pass_obj
def score_leads(home_path: Path, as_of: str, out: Path, ids: str | None, n_reasons: int, version: int | None,
                as_json: bool) -> None:
    """Score every lead not yet converted, lost or past its horizon.

    Columns: lead_id, probability and its 80% interval, score, grade, the probability seven days before and the change
    since, the voice that speaks, whether it is unlike all that closed, what was said by hand beside it, as_of, model.
    """
    from training import lead_scores
    from training.lead_conversion import window_end

    home, moment, chosen, model = _load(home_path, "leads", as_of, version)
    history = home.history(moment)
    frame = _with_overrides(lead_scores.score(model, history, moment, home.settings, _ids(ids)), home, moment)
    if n_reasons:
        with progress("Reasons"):
            frame = _with_reasons(frame, model, history, moment, n_reasons,
                                  lambda subject, at: window_end(history, subject, at))
    over = lead_scores.past_horizon(history, moment) if ids is None else 0
    _finish(frame, chosen.label, out, home, moment, as_json, past_horizon=over)
    if over and not as_json:
        say(f"{over:,} more are open, but past their horizon: nothing is asked of them any more.")


@score.command("deals")
@as_of_option
@ids_option
@reasons_option
@click.option("--within", required=True, metavar="SPAN", help="Chances within this time, for example 28d or 4w.")
@out_option
@version_option
@json_option
@click.pass_obj
def score_deals(home_path: Path, as_of: str, ids: str | None, n_reasons: int, within: str, out: Path,
                version: int | None, as_json: bool) -> None:
    """Score every open deal: its chances within SPAN and by fiscal quarter, and all else that is said of it.

    Columns: what it is (kind, stage, owner, amount); p_win, p_lose, p_open within SPAN; close_p10 to close_p90, dates
    given a win, and resolve_p10 to resolve_p90 of either end, empty where later than the model looks; P(won) in this
    period, in the next and later; its expected close, whether that slips, whether it is at risk; the trend over seven
    days; time in stage beside the deals that were won; missing roles; the amount at the close; whether it is unlike all
    that closed; as_of, model. Each is explained in docs/deal-scores.md.
    """
    from features.calendar import DAY, parse_within
    from training import deal_scores
    from training.at_risk import in_words

    days = parse_within(within)
    home, moment, chosen, model = _load(home_path, "deals", as_of, version)
    history = home.history(moment)
    frame = deal_scores.score(model, history, moment, days, _ids(ids))
    if n_reasons:
        with progress("Reasons"):
            frame = _with_reasons(frame, model, history, moment, n_reasons, lambda subject, at: at + round(days * DAY))
    (this, _), (following, _) = deal_scores.periods(moment, home.mapping)
    risk = model.evaluation.get("at_risk")
    _finish(frame, chosen.label, out, home, moment, as_json, within_days=days, this_period=this, next_period=following,
            at_risk=risk)
    if not as_json:
        say(f"This period is {this}, the next {following}. {in_words(risk)}")


def _with_overrides(frame: Any, home: Any, moment: int) -> Any:
    """A frame of lead scores with the override that stands beside each: its grade or probability, note, end and who."""
    from features.calendar import iso
    from features.overrides import overrides_as_of

    said = overrides_as_of(home, moment).set_index("lead_id")[["grade", "probability", "note", "until", "set_by"]]
    said["until"] = [iso(one, home.mapping.zone) for one in said["until"]]
    # The same types whether anything was said or not, so that files of several weeks can be put together.
    said = said.astype({"grade": "str", "probability": "float64", "note": "str", "until": "str", "set_by": "str"})
    joined = frame.join(said.rename(columns={"set_by": "by"}).add_prefix("override_"), on="lead_id")
    return joined.astype({"lead_id": "str"})


def _ids(text: str | None) -> list[str] | None:
    """Ids as they are given with commas between, each once. Raises a usage error for none."""
    if text is None:
        return None
    found = list(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if not found:
        raise click.UsageError("--ids names nothing. Give ids with commas between, such as --ids L-1,L-2.")
    return found


def _with_reasons(frame: Any, model: Any, history: Any, moment: int, most: int, end_of: Any) -> Any:
    """A frame of scores with reason_for_1, its effect in log-odds, whether it is actionable, and so on; empty where
    there is none."""
    import numpy as np
    import pandas as pd

    from training.reasons import explain_at

    subject = history.codes(model.kind, frame[f"{model.kind}_id"].to_numpy(object))
    at = np.full(len(subject), moment)
    told = [one.reasons(most) for one in explain_at(model, history, subject, at, end_of(subject, at))]
    for side, sign in (("for", 1), ("against", -1)):
        mine = [[reason for reason in reasons if reason.effect * sign > 0] for reasons in told]
        for i in range(most):
            frame[f"reason_{side}_{i + 1}"] = pd.array(
                [one[i].text if len(one) > i else None for one in mine], dtype="str")
            frame[f"effect_{side}_{i + 1}"] = [one[i].effect if len(one) > i else np.nan for one in mine]
            frame[f"actionable_{side}_{i + 1}"] = pd.array(
                [one[i].actionable if len(one) > i else None for one in mine], dtype="boolean")
    return frame


def _load(home_path: Path, name: str, as_of: str, version: int | None) -> tuple[Any, int, Any, Any]:
    from features.home import Home
    from serving.champion import model_for

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    note_silence(home, moment)
    return home, moment, *model_for(home, name, moment, version)


def _finish(frame: Any, label: str, out: Path, home: Any, moment: int, as_json: bool, **more: Any) -> None:
    from features.calendar import iso

    as_of = iso(moment, home.mapping.zone)
    write_frame(frame.assign(as_of=as_of, model=label), out)
    if as_json:
        emit({"out": str(out), "rows": len(frame), "as_of": as_of, "model": label, **more})
    else:
        say(f"{len(frame):,} rows in {out}, as of {as_of}, by model {label}.")
