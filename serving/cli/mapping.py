"""`dealcast mapping`: what a mapping may say."""

from __future__ import annotations

import click

from serving.cli.output import emit, json_option, say

__all__ = ["mapping"]


@click.group()
def mapping() -> None:
    """What a mapping file may say, and whether one can be used."""


@mapping.command()
@json_option
def schema(as_json: bool) -> None:
    """Print the JSON Schema of mappings, by which editors check and complete them.

    It is JSON with and without --json. A mapping's first line names the file that holds it:
    # yaml-language-server: $schema=mapping.schema.json
    """
    from features.mapping_schema import mapping_schema

    emit(mapping_schema())


@mapping.command("check")
@click.argument("name", metavar="FILE")
@json_option
def check_file(name: str, as_json: bool) -> None:
    """Check a mapping file, or a shipped mapping by its name, without importing anything."""
    from features.importing import check_mapping
    from serving.cli.data import read_mapping

    read, _ = read_mapping(name)
    check_mapping(read)
    sources = [{"file": source.file, "rows": source.rows, "subject": source.subject,
                "columns": len(source.columns), "fields": len(source.fields)} for source in read.sources]
    if as_json:
        emit({"company": read.company, "part": read.part, "sources": sources})
        return
    say(f"{name} can be used. It is of {read.company}"
        f"{'' if read.part == 'main' else f', part {read.part}'}, with {len(sources)} sources:")
    for source in sources:
        about = f" about {source['subject']}s" if source["subject"] else ""
        say(f"  {source['file'] or 'the only file'}: {source['rows']}{about}, {source['columns']} columns and "
            f"{source['fields']} fields")
