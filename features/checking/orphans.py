"""Orphans: rows about subjects that no file created, and links that lead nowhere."""

from __future__ import annotations

import pandas as pd

from features.checking.finding import SHOWN_EXAMPLES, Finding, Weight, share
from features.checking.material import Material
from features.mapping import SUBJECTS

__all__ = ["orphans"]

_LINKS = (("leads", "account_id", "account"), ("leads", "contact_id", "contact"), ("deals", "lead_id", "lead"),
          ("deals", "account_id", "account"), ("contacts", "account_id", "account"),
          ("deal_contacts", "deal_id", "deal"), ("deal_contacts", "contact_id", "contact"))


def orphans(material: Material) -> list[Finding]:
    """Changes and activities of unknown subjects, and references to unknown ids."""
    return [*_waiting(material), *_broken_links(material), *_unknown_owners(material)]


def _waiting(material: Material) -> list[Finding]:
    found = []
    for table in ("changes", "activities"):
        rows = material.history.tables[table]
        for kind, files in SUBJECTS.items():
            ours = rows.loc[rows["subject"] == kind, "subject_id"]
            unknown = ours[~ours.isin(material.history.subjects(kind).ids)]
            if len(unknown):
                what = f"{len(unknown):,} rows of {table} are about {kind}s that no file created"
                found.append(_finding(kind, what, unknown, len(ours), f"the {files} that these rows are about",
                                      "missing"))
    return found


def _broken_links(material: Material) -> list[Finding]:
    found = []
    for table, column, kind in _LINKS:
        named_ids = material.history.tables[table][column].dropna()
        known = material.history.subjects(kind).ids
        unknown = named_ids[~named_ids.isin(known)]
        # A home without any accounts has no wrong links to them: the ids are just words.
        if len(unknown) and len(known):
            found.append(_finding(kind, f"{len(unknown):,} rows of {table} name a {kind} that no file created", unknown,
                                  len(named_ids), f"the missing {SUBJECTS[kind]}", "missing"))
    return found


def _unknown_owners(material: Material) -> list[Finding]:
    owners = material.history.tables["owners"]
    if not len(owners):
        return []
    known = set(owners["owner_id"]) | set(owners["name"].dropna())
    changes = material.history.tables["changes"]
    used = changes.loc[(changes["field"] == "owner") & changes["value"].notna(), "value"]
    unknown = used[~used.isin(known)]
    managers = owners["manager_id"].dropna()
    lost = managers[~managers.isin(set(owners["owner_id"]))]
    found = []
    if len(unknown):
        found.append(_finding(None, f"{unknown.nunique():,} owners of leads or deals are not among the owners", unknown,
                              len(used), "those people's rows of owners, those who left included", "missing"))
    if len(lost):
        found.append(_finding(None, f"{len(lost):,} rows of owners name a manager who is not among them", lost,
                              len(managers), "the managers' own rows", "missing"))
    return found


def _finding(kind: str | None, what: str, unknown: pd.Series, total: int, missing: str, weight: Weight) -> Finding:
    part = len(unknown) / max(total, 1)
    examples = [str(one) for one in unknown.drop_duplicates().sort_values().head(SHOWN_EXAMPLES)]
    return Finding("orphan", weight, part, f"{what} ({share(part)}), such as {', '.join(examples[:3])}.",
                   "They are kept, but nothing can use them until what they belong to arrives.",
                   f"Export {missing} too. If the ids are written differently there, map the column that fits.",
                   kind, None, {"rows": len(unknown), "of": total}, examples)
