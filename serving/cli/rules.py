"""`dealcast rules`: points for leads by a company's own rules, without a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serving.cli.models import as_of_option, out_option, read_as_of
from serving.cli.output import emit, json_option, say, table, write_frame

if TYPE_CHECKING:
    from features.history import History
    from features.home import Home
    from features.rule_book import Rules

__all__ = ["rules"]


@click.group()
def rules() -> None:
    """Points for leads by your own rules (rules.yaml).

    They need no outcome and no model; a model that is trained where there are rules takes them as one more fact.
    """


@rules.command("check")
@click.argument("name", metavar="[FILE]", required=False)
@json_option
@click.pass_obj
def check(home_path: Path, name: str | None, as_json: bool) -> None:
    """Check the home's rules, or a FILE before it becomes them.

    Says of each rule of how many leads it holds today. FILE may be a shipped one by its name: general, simulated.
    """
    import numpy as np

    from features.asof import AsOf
    from features.home import Home
    from features.rules import open_leads, points_of
    from features.store import load_history

    home = Home.open(home_path)
    found, where = _rules_of(home, name)
    moment = home.log_end()
    past = replace(load_history(home.store, home.mapping, moment), rules=found)  # whatever the home's own are
    subject = open_leads(past, moment)
    points = points_of(AsOf(past, "lead", subject, np.full(len(subject), moment)))
    rows: list[dict[str, Any]] = [
        {"group": group, "rule": str(rule), "points": rule.points, "leads": int(holds.sum())}
        for (group, _, rule), holds in zip(found.each(), points.holds, strict=True)]
    notes = _notes(found, past)
    if as_json:
        emit({"rules": where, "open_leads": len(subject), "each": rows, "notes": notes})
        return
    table(["rule", "group", "points", "open leads"],
          [[one["rule"], one["group"], f"{one['points']:+g}", f"{one['leads']:,}"] for one in rows],
          title=f"{where}: {len(rows)} rules can be used. Of {len(subject):,} open leads they hold of:")
    for note in notes:
        say(note)


def _rules_of(home: Home, name: str | None) -> tuple[Rules, str]:
    """The rules of a file, of a shipped one by its name, or the home's own; and where they stand."""
    from importlib.resources import files

    from features.errors import NotFound, nearest
    from features.rule_book import RULES_FILE, check_rules, load_rules, parse_rules

    shipped = {Path(one.name).stem: one for one in files("configs").joinpath("rules").iterdir()
               if one.name.endswith(".yaml")}
    if name is None:
        if home.rules is None:
            raise NotFound(f"{home.path} has no {RULES_FILE}. Copy a shipped file of rules there "
                           f"(configs/rules/general.yaml explains each line), or name one: dealcast rules check FILE")
        return home.rules, str(home.path / RULES_FILE)
    if Path(name).is_file():
        return load_rules(Path(name), home.mapping), name
    if name not in shipped:
        raise NotFound(f"There is no file of rules {name}, nor a shipped one of that name "
                       f"({', '.join(sorted(shipped))}).{nearest(name, shipped)}")
    text = shipped[name].read_text(encoding="utf-8")
    found = parse_rules(text, name)
    check_rules(found, home.mapping, name, text)
    return found, name


def _notes(found: Rules, past: History) -> list[str]:
    """Words in rules that no lead has ever had: kinds of activity and directions."""
    from features.errors import nearest
    from features.rule_book import ANY

    kinds = past.activity_kinds("lead")
    directions = sorted({one for one in past.activities("lead").value if one})
    notes = []
    for clause in (clause for _, _, rule in found.each() for clause in rule.tests if clause.activity is not None):
        if clause.activity != ANY and clause.activity not in kinds:
            notes.append(f"No activity of a lead is called '{clause.activity}'.{nearest(str(clause.activity), kinds)} "
                         f"There are: {', '.join(kinds) or 'none'}.")
        if clause.direction is not None and clause.direction not in directions:
            notes.append(f"No activity of a lead has the direction '{clause.direction}'."
                         f"{nearest(clause.direction, directions)} There are: {', '.join(directions) or 'none'}.")
    return list(dict.fromkeys(notes))


@rules.command("score")
@as_of_option
@out_option
@json_option
@click.pass_obj
def score(home_path: Path, as_of: str, out: Path, as_json: bool) -> None:
    """Points of every open lead: lead_id, points, and those of each group. Most points first."""
    from features.calendar import iso
    from features.home import Home
    from features.rules import rule_scores

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    frame = rule_scores(home.history(moment), moment)
    write_frame(frame, out)
    shown = iso(moment, home.mapping.zone)
    if as_json:
        emit({"out": str(out), "rows": len(frame), "as_of": shown})
    else:
        say(f"{len(frame):,} open leads in {out}, as of {shown}, by the home's rules.")


@rules.command("explain")
@click.argument("lead_id", metavar="LEAD")
@as_of_option
@json_option
@click.pass_obj
def explain(home_path: Path, lead_id: str, as_of: str, as_json: bool) -> None:
    """Say which rules give a lead its points."""
    from features.calendar import iso
    from features.home import Home
    from features.rules import explain_points

    home = Home.open(home_path)
    moment = read_as_of(as_of, home)
    rows, groups, total = explain_points(home.history(moment), lead_id, moment)
    shown = iso(moment, home.mapping.zone)
    if as_json:
        emit({"lead_id": lead_id, "as_of": shown, "points": total, "groups": groups, "rules": rows})
        return
    table(["rule", "group", "says", "holds", "since", "gives"], [_line(row) for row in rows],
          title=f"Lead {lead_id} has {total:g} points as of {shown}")
    summed = {name: sum(row["gives"] for row in rows if row["group"] == name) for name in groups}
    for name, points in groups.items():
        bound = "" if abs(summed[name] - points) < 1e-9 else f" ({summed[name]:g} without the group's bounds)"
        say(f"{name}: {points:g}{bound}")


def _line(row: dict[str, Any]) -> list[str]:
    since = "–" if row["days"] is None or not row["holds"] else f"{row['days']:.0f} days"
    return [row["rule"], row["group"], f"{row['points']:+g}", "yes" if row["holds"] else "no", since,
            f"{row['gives']:+.1f}" if row["holds"] else "–"]


@rules.command("schema")
@json_option
def schema(as_json: bool) -> None:
    """Print the JSON Schema of rules, by which editors check and complete them.

    It is JSON with and without --json. The first line of a rules.yaml names the file that holds it:
    # yaml-language-server: $schema=rules.schema.json
    """
    from features.rule_book import rules_schema

    emit(rules_schema())
