"""How much of a mapping `dealcast map` drafts as the finished mapping has it, on the files of five real data sets."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from features.drafting.draft import draft_mapping
from features.drafting.drafted import Draft
from features.drafting.writing import draft_text
from simulation.company import generate
from tests.figures.cache import ROOT

__all__ = ["DATA", "SETS", "Compared", "compare", "table"]

DATA = ROOT.parent / "shared" / "data"
# Of fivetran_seeds only the files that the finished mapping reads are looked at, of the others all files.
SETS = {"bpic2012": "bpic2012", "uci_bank_marketing": "uci_bank_marketing", "maven_crm": "maven_crm",
        "dbt_assessment_leads": "dbt_assessment_leads", "fivetran_salesforce": "fivetran_seeds/dbt_salesforce",
        "fivetran_hubspot": "fivetran_seeds/dbt_hubspot", "simulated": "", "one_table": ""}
_ONLY_MAPPED = ("fivetran_salesforce", "fivetran_hubspot")
_WELL_KNOWN = {"stage", "status", "owner", "amount", "currency", "expected_close", "forecast_category",
               "rep_probability"}


@dataclass(frozen=True)
class Compared:
    """One column: its file, what the finished mapping and the draft make of it, and how sure the draft was."""

    file: str
    column: str
    finished: frozenset[str]
    drafted: frozenset[str]
    level: str

    @property
    def agrees(self) -> bool:
        return bool(self.finished & self.drafted) or (not self.finished and not self.drafted)


def roles(mapping: dict[str, Any], file: str) -> dict[str, set[str]]:
    """What a mapping makes of each column of a file: contract columns, well-known fields, own fields by their type,
    the date of the end, and columns that only choose rows."""
    found: dict[str, set[str]] = {}
    for source in mapping["sources"]:
        _joined_roles(found, source, file)
        if not fnmatchcase(file, source.get("file", "*")):
            continue
        for slot, column in source.get("columns", {}).items():
            found.setdefault(column, set()).add(slot)
        for column in (*source.get("where", {}), *source.get("where_not", {})):
            found.setdefault(column, set()).add("where")
        if "field" in source.get("columns", {}):
            continue  # the fields of such a history are no columns
        for name, field in source.get("fields", {}).items():
            is_status = source["rows"] == "leads" and name == mapping.get("leads", {}).get("field")
            role = "field status" if is_status else _field_role(name, field)
            found.setdefault(field["column"], set()).add(role)
            if field.get("closed_at"):
                found.setdefault(field["closed_at"], set()).add("closed_at")
    return found


def _joined_roles(found: dict[str, set[str]], source: dict[str, Any], file: str) -> None:
    """Columns of a file that is joined to a source: its key, and what its columns become there."""
    for join in source.get("join", []):
        if not fnmatchcase(file, join["file"]):
            continue
        found.setdefault(join.get("key") or join["by"], set()).add("join key")
        for name, column in join["columns"].items():
            its = found.setdefault(column, set())
            its |= {slot for slot, one in source.get("columns", {}).items() if one == name}
            its |= {_field_role(field_name, field) for field_name, field in source.get("fields", {}).items()
                    if field["column"] == name}


def _field_role(name: str, field: dict[str, Any]) -> str:
    return f"field {name}" if name in _WELL_KNOWN else f"own field, {field.get('type', 'category')}"


def compare(name: str) -> list[Compared]:
    """Every column of a set's files in the finished mapping and in the draft."""
    finished = yaml.safe_load((ROOT / "configs" / "mappings" / f"{name}.yaml").read_text(encoding="utf-8"))
    if name == "simulated":
        with tempfile.TemporaryDirectory() as folder:
            made = generate(Path(folder), seed=1, size="tiny")
            shutil.rmtree(made.truth_folder)  # no company has it among its files
            return _compare(finished, [made.export_folder])
    if name == "one_table":
        return _compare(finished, [ROOT / "configs" / "examples" / "my_deals.csv"])
    folder = DATA / SETS[name]
    if name in _ONLY_MAPPED:
        return _compare(finished, [path for path in sorted(folder.glob("*.csv"))
                                   if any(fnmatchcase(path.name, source["file"]) for source in finished["sources"])])
    return _compare(finished, [folder])


def _compare(finished: dict[str, Any], paths: list[Path]) -> list[Compared]:
    draft = draft_mapping(paths)
    drafted = yaml.safe_load(draft_text(draft, "FILES"))
    return [row for file in dict.fromkeys(table.look.file for table in draft.tables)
            for row in _columns(draft, file, roles(finished, file), roles(drafted, file))]


def _columns(draft: Draft, file: str, finished: dict[str, set[str]], drafted: dict[str, set[str]]) -> list[Compared]:
    levels = {name: one.level for table in draft.tables if table.look.file == file
              for name, one in table.decisions.items() if name in table.look.frame.columns}
    return [Compared(file, name, frozenset(finished.get(name, ())), frozenset(drafted.get(name, ())), level)
            for name, level in levels.items()]


def table(small: bool) -> str:
    if not DATA.is_dir():
        return ""
    compared = {name: compare(name) for name in SETS}
    both = [name for name in SETS if name.startswith("fivetran")]
    shown = {name: rows for name, rows in compared.items() if name not in both}
    shown["fivetran_seeds"] = [row for name in both for row in compared[name]]
    shown |= {f"of these, {name}": compared[name] for name in both}
    lines = ["| files of | tables | columns | drafted as the finished mapping has them | of the columns that it uses |",
             "| --- | --: | --: | --: | --: |"]
    for name, rows in shown.items():
        right = sum(row.agrees for row in rows)
        files = len({row.file for row in rows})
        used = _share([row for row in rows if row.finished])
        lines.append(f"| {name} | {files} | {len(rows)} | {right} ({right / len(rows):.0%}) | {used:.0%} |")
    every = [row for rows in compared.values() for row in rows]
    counts, right_of = Counter(row.level for row in every), Counter(row.level for row in every if row.agrees)
    lines += ["", "| confidence | columns | right |", "| --- | --: | --: |"]
    lines += [f"| {level} | {counts[level]} | {right_of[level] / counts[level]:.0%} |"
              for level in ("high", "medium", "low") if counts[level]]
    used, unused = ([row for row in every if bool(row.finished) == wanted] for wanted in (True, False))
    lines += ["", f"Of the {len(used)} columns that the finished mappings use, {_share(used):.0%} are drafted so; of "
              f"the {len(unused)} that they leave out, {_share(unused):.0%} are left out."]
    return "\n".join(lines) + "\n"


def _share(rows: list[Compared]) -> float:
    return sum(row.agrees for row in rows) / len(rows)


if __name__ == "__main__":
    import sys

    for one in compare(Path(sys.argv[1]).name):
        print("ok " if one.agrees else "NO ", one.level, one.file, one.column, sorted(one.finished),
              sorted(one.drafted))
