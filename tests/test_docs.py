"""The docs' snippets run, their commands exist, and their figures are those that `make figures` wrote."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from features.mapping import load_mapping, parse_mapping
from features.mapping_schema import mapping_schema
from features.rule_book import parse_rules, rules_schema
from features.settings import SETTINGS_FILE, load_settings
from serving.cli import cli
from tests.figures import mapping_keys
from tests.running import ROOT, environment, light

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_data_scientists_snippet_runs(trained_home: Path, tmp_path: Path) -> None:
    snippet = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "data-scientists.md").read_text(encoding="utf-8"),
                        flags=re.DOTALL)
    assert snippet
    shutil.copytree(trained_home, tmp_path / "demo-home")
    light(tmp_path / "demo-home")
    done = subprocess.run([sys.executable, "-P", "-c", snippet[1]], cwd=tmp_path, env=environment(),
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my-model" / "model.json").is_file()
    assert "2026-04-01" in done.stdout.splitlines()[-1]


def _commands() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL):
            found += [line.split("#")[0].strip() for line in block.replace("\\\n", " ").splitlines()
                      if line.startswith("dealcast ")]
    return sorted(set(found))


@pytest.mark.parametrize("line", _commands())
def test_every_command_in_the_docs_is_one(line: str) -> None:
    words = line.split()[1:]
    if words[0] == "--home":
        words = words[2:]
    command: click.Command = cli
    # Some groups do something by themselves: only a word that is no option names a command of theirs.
    while isinstance(command, click.Group) and words and not words[0].startswith("--"):
        command = command.commands[words.pop(0)]
    assert not isinstance(command, click.Group) or command.invoke_without_command
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in words if word.startswith("--")} <= options
    with click.Context(command) as context:
        command.make_parser(context).parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_figures_on_pages_are_those_that_were_made(page: Path) -> None:
    for name, text in re.findall(r"<!-- figure:(\S+) -->\n(.*?)<!-- /figure -->", page.read_text(encoding="utf-8"),
                                 flags=re.DOTALL):
        made = (ROOT / "docs" / "figures" / f"{name}.md").read_text(encoding="utf-8")
        assert text.strip()
        assert made.startswith(text.strip())


def test_links_on_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_key_of_a_mapping_is_documented_as_the_schema_has_it() -> None:
    made = mapping_keys.table(False)
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    assert made in page, "run: python -m tests.figures mapping-keys"


def test_the_shipped_schema_is_that_of_the_models() -> None:
    shipped = json.loads((ROOT / "configs" / "mapping.schema.json").read_text(encoding="utf-8"))
    assert shipped == mapping_schema(), "run: dealcast mapping schema > configs/mapping.schema.json"


def test_the_shipped_schema_of_rules_is_that_of_the_models_and_rules_in_the_docs_can_be_read() -> None:
    shipped = json.loads((ROOT / "configs" / "rules.schema.json").read_text(encoding="utf-8"))
    assert shipped == rules_schema(), "run: dealcast rules schema > configs/rules.schema.json"
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    files = sorted((ROOT / "configs" / "rules").glob("*.yaml"))
    assert len(blocks) == 1
    assert len(files) >= 2
    for text in [*blocks, *(one.read_text(encoding="utf-8") for one in files)]:
        assert parse_rules(text, "docs/rules.md or configs/rules").groups


def test_settings_in_the_docs_can_be_used(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "worklist.md").read_text(encoding="utf-8"),
                        flags=re.DOTALL)
    (tmp_path / SETTINGS_FILE).write_text("".join(blocks), encoding="utf-8")
    assert load_settings(tmp_path).value.cost_per_contact == 35


@pytest.mark.parametrize("mapping", sorted((ROOT / "configs" / "mappings").glob("*.yaml")), ids=lambda one: one.stem)
def test_a_shipped_mapping_names_its_schema_for_editors_and_can_be_read(mapping: Path) -> None:
    first = mapping.read_text(encoding="utf-8").splitlines()[0]
    assert (mapping.parent / first.removeprefix("# yaml-language-server: $schema=")).is_file()
    assert load_mapping(mapping).company


def test_mappings_in_the_docs_can_be_read() -> None:
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    ends, conditions, rates = (yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL))
    bare = yaml.safe_load("""
company: Docs
sources:
  - {file: leads.csv, rows: leads, columns: {lead_id: id, created_at: at},
     fields: {status: {column: s}, converted_at: {column: c, type: date}}}
  - {file: deals.csv, rows: deals, columns: {deal_id: id, created_at: at, lead_id: lead},
     fields: {is_won: {column: w}, is_closed: {column: c}}}
  - {file: acts.csv, rows: activities, subject: deal, columns: {subject_id: id, kind: kind, happened_at: at}}
""")
    for block in (ends, conditions, {"sources": bare["sources"] + rates["sources"]}):
        assert parse_mapping(yaml.safe_dump({**bare, **block}), "docs/mapping.md")
