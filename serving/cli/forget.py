"""`dealcast forget`: remove a person's texts and identifying fields from the home."""

from __future__ import annotations

from pathlib import Path

import click

from features.errors import BadInput
from serving.cli.output import emit, json_option, say, table

__all__ = ["forget"]


@click.command()
@click.option("--subject", "subjects", multiple=True, metavar="KIND:ID", help="contact:C-17, lead:…; several times.")
@click.option("--email", "emails", multiple=True, metavar="ADDRESS", help="Everyone who has this address.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def forget(home_path: Path, subjects: tuple[str, ...], emails: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Erase a person's texts and identifying fields, for good.

    Numbers, dates and links stay, so scores do not change. Later imports do not bring the texts back.
    """
    import time

    from features.erasure import check_known, identifying_fields, parse_subject, subjects_of_email
    from features.erasure import forget as erase
    from features.home import Home

    if not subjects and not emails:
        raise BadInput("Say whom to forget: --subject contact:C-17, or --email a@example.com.")
    home = Home.open(home_path)
    wanted = [parse_subject(one) for one in subjects]
    for address in emails:
        wanted += subjects_of_email(home, address)
    with home.store.read() as connection:
        check_known(connection, wanted)
    if not yes:
        fields = {kind: sorted(identifying_fields(home.mapping, kind)) for kind, _ in wanted}
        for kind, one in wanted:
            click.echo(f"{kind} {one}: {', '.join(fields[kind]) or 'no field that identifies'}; texts of its "
                       "activities", err=True)
        click.confirm("Erase these for good?", abort=True, err=True)
    done = erase(home, wanted, time.time_ns() // 1000)
    if as_json:
        emit(done.to_dict())
        return
    table(["erased", "count"], [["values of fields", f"{done.values:,}"], ["texts of activities", f"{done.texts:,}"],
                                ["rows that could not be read", f"{done.rejects:,}"],
                                ["reports of imports", f"{done.reports:,}"],
                                ["overrides of scores", f"{done.overrides:,}"]], title=", ".join(done.subjects))
    for name in done.files_left:
        say(f"Still in {name}: delete that file. If it is a model's, train again first.")
    say("These cannot be reached from here; delete or mend them yourself:")
    for name in done.out_of_reach:
        say(f"  {name}")
