"""`dealcast features`: what the models see, and what it was as of any date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.models import as_of_option, read_as_of
from serving.cli.output import check_out_file, emit, json_option, say, table, write_frame

if TYPE_CHECKING:
    import pandas as pd

    from features.asof import Feature

__all__ = ["features"]

_KINDS = {"leads": "lead", "deals": "deal"}
what_argument = click.argument("what", type=click.Choice(list(_KINDS)))


def _check_out(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    return None if path is None else check_out_file(context, parameter, path)


@click.group()
def features() -> None:
    """List, describe and compute features."""


@features.command("list")
@what_argument
@json_option
@click.pass_obj
def list_features(home_path: Path, what: str, as_json: bool) -> None:
    """List every feature of leads or deals, with those that the home's own data adds."""
    declared = _catalogue(home_path, what)
    if as_json:
        emit({"subject": what, "features": [_described(one) for one in declared]})
        return
    table(["feature", "unit", "kind", "meaning"],
          [[one.name, one.unit, "actionable" if one.actionable else "context", one.meaning] for one in declared],
          title=f"{len(declared)} features of {what}")


@features.command()
@what_argument
@click.argument("name")
@json_option
@click.pass_obj
def describe(home_path: Path, what: str, name: str, as_json: bool) -> None:
    """Describe one feature: meaning, unit, type, group, and how a reason words it."""
    from features.errors import NotFound, nearest

    by_name = {one.name: one for one in _catalogue(home_path, what)}
    if name not in by_name:
        raise NotFound(f"No feature of {what} is called '{name}'.{nearest(name, by_name)} "
                       f"`dealcast features list {what}` has all.")
    described = _described(by_name[name])
    if as_json:
        emit(described)
        return
    for key, value in described.items():
        say(f"{key:<12}{value if isinstance(value, str) else 'yes' if value else 'no'}")


@features.command()
@what_argument
@as_of_option
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only this one; may be given again. Else all.")
@click.option("--out", type=click.Path(path_type=Path), callback=_check_out, metavar="FILE",
              help="CSV or Parquet, by its ending. Without it, each --id is printed.")
@json_option
@click.pass_obj
def compute(home_path: Path, what: str, as_of: str, ids: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Compute all features as they were known at DATE, of leads or deals ended by then too."""
    if out is None and not ids:
        raise click.UsageError("What for? Name a file with --out FILE, or single ones with --id ID.")

    import numpy as np

    from features.asof import AsOf
    from features.asof import compute as compute_features
    from features.calendar import iso
    from features.catalogue import catalogue
    from features.home import Home

    home = Home.open(home_path)
    moment, kind = read_as_of(as_of, home), _KINDS[what]
    past = home.history(moment)
    chosen = list(ids) or past.subjects(kind).ids.tolist()
    codes = past.codes(kind, chosen)
    frame = compute_features(catalogue(past, kind), AsOf(past, kind, codes, np.full(len(codes), moment)))
    frame.insert(0, f"{kind}_id", chosen)
    shown = iso(moment, home.mapping.zone)
    if out is not None:
        write_frame(frame, out)
    if as_json:
        emit({"as_of": shown, "rows": len(frame), "out": None if out is None else str(out),
              what: [_plain(row) for row in frame.to_dict("records")] if ids else None})
    elif out is not None:
        say(f"{len(frame):,} rows with {len(frame.columns) - 1} features in {out}, as of {shown}.")
    else:
        _show(frame, kind, shown)


def _catalogue(home_path: Path, what: str) -> list[Feature]:
    from features.catalogue import catalogue
    from features.home import Home

    return catalogue(Home.open(home_path).history(), _KINDS[what])


def _described(feature: Feature) -> dict[str, Any]:
    return {"name": feature.name, "meaning": feature.meaning, "unit": feature.unit, "type": feature.dtype,
            "group": feature.group, "actionable": feature.actionable, "wording": feature.wording,
            "by_others": feature.by_others}


def _plain(row: dict[Any, Any]) -> dict[str, Any]:
    """A row for JSON, which has no NaN."""
    return {str(name): None if value is None or value != value else value for name, value in row.items()}


def _show(frame: pd.DataFrame, kind: str, as_of: str) -> None:
    for row in frame.to_dict("records"):
        values = [[name, "–" if value is None else f"{value:,.4g}" if isinstance(value, float) else str(value)]
                  for name, value in _plain(row).items() if name != f"{kind}_id"]
        table(["feature", "value"], values, title=f"{kind} {row[f'{kind}_id']} as of {as_of}")
