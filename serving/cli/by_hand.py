"""What the commands share by which people say something themselves: who says it, when, and what stood as of a date."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from serving.cli.output import emit, say, table

if TYPE_CHECKING:
    from features.home import Home

__all__ = ["all_option", "as_of_option", "by_option", "in_words", "list_said", "now_of", "who"]

Row = dict[str, Any]

by_option = click.option("--by", metavar="NAME", help="Who says so; if left out, your name on this machine.")
as_of_option = click.option("--as-of", metavar="DATE", help="Those that stood at this date; else those that stand now.")
all_option = click.option("--all", "everything", is_flag=True,
                          help="Everything that was ever said, with what ended it.")


def now_of(home: Home) -> int:
    from serving.cli.models import read_as_of

    return read_as_of("now", home)


def in_words(moment: int, home: Home) -> str:
    """A moment in the home's time zone."""
    from features.calendar import iso

    return iso(moment, home.mapping.zone)


def who(by: str | None) -> str | None:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return None


def list_said(home: Home, as_of: str | None, everything: bool, as_json: bool, *, kind: str,
              rows_as_of: Callable[[int | None], list[Row]], head: list[str], line: Callable[[Row], list[str]]) -> None:
    """Print what stood as of a date, or everything that was ever said.

    kind : what one is called, "override". rows_as_of : the rows that stood at a moment, all of them for None. line : a
    row's cells below `head`.
    """
    from serving.cli.models import read_as_of

    if everything and as_of is not None:
        raise click.UsageError("--all lists everything, whatever the date: give --as-of or --all.")
    moment = None if everything else read_as_of(as_of or "now", home)
    shown = None if moment is None else in_words(moment, home)
    rows = rows_as_of(moment)
    if as_json:
        emit({"as_of": shown, f"{kind}s": rows})
    elif not rows:
        say("Nothing was ever said by hand." if everything else f"No {kind} stands as of {shown}.")
    else:
        table(head, [line(row) for row in rows],
              title="Everything that was said by hand" if everything else f"{kind.capitalize()}s as of {shown}")
