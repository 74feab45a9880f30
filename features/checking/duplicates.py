"""Duplicates: one id with two contents, one person or company under two ids, one activity twice."""

from __future__ import annotations

import pandas as pd

from features.checking.finding import SHOWN_EXAMPLES, Finding, named, share
from features.checking.material import Material
from features.history import STAMPS
from features.mapping import SUBJECTS

__all__ = ["duplicates"]

_NAMES = ("email", "e_mail", "mail", "name", "company", "company_name", "full_name")
_NOTABLE = 0.01  # a slip here and there is part of every CRM


def duplicates(material: Material) -> list[Finding]:
    """Ids with several contents, accounts and contacts that share an e-mail or a name, activities that repeat."""
    return [*_same_id(material), *_same_name(material), *_same_activity(material)]


def _same_id(material: Material) -> list[Finding]:
    found = []
    for kind, name in SUBJECTS.items():
        table = material.history.tables[name]
        key = f"{kind}_id"
        content = table.drop(columns=list(STAMPS)).drop_duplicates()
        several = content[content.duplicated(key, keep=False)]
        ids = sorted(several[key].unique())
        if ids:
            differing = [one for one in content.columns if one != key
                         and several.groupby(key)[one].nunique(dropna=False).max() > 1]
            found.append(Finding(
                "duplicate_id", "wrong", len(ids) / max(table[key].nunique(), 1),
                f"{named(len(ids), kind)} came with several contents (they differ in {', '.join(differing)}).",
                "It was created when the claim that was known first says; what another names beside it counts since "
                "that was known.",
                f"Look whether {key} is unique in the export, and whether a later export changed these columns, which "
                "should not change.", kind, None, {"ids": len(ids)}, ids[:SHOWN_EXAMPLES]))
    return found


def _same_name(material: Material) -> list[Finding]:
    found = []
    for kind in ("account", "contact"):
        subjects = material.history.subjects(kind)
        for one in material.fields(kind):
            if one.name.casefold() not in _NAMES or not len(subjects):
                continue
            # People share names across companies; within one they hardly do. An address is one person's.
            values = pd.Series(material.at_last(one), dtype=object)
            folded = values.astype("str").str.casefold().str.strip()
            keys = pd.DataFrame({"value": folded, "of": ""})
            if kind == "contact" and "mail" not in one.name.casefold() and "account_id" in subjects.links:
                keys["of"] = subjects.links["account_id"].fillna("").to_numpy(object)
            keys = keys[values.notna() & (folded != "")]
            repeated = keys.duplicated(keep=False)
            if repeated.mean() <= _NOTABLE or repeated.sum() < 2:
                continue
            examples = keys.loc[repeated, "value"].value_counts().index[:SHOWN_EXAMPLES]
            found.append(Finding(
                "duplicate_name", "odd", float(repeated.mean()),
                f"{named(int(repeated.sum()), kind)} share their {one.name} with another "
                f"({share(float(repeated.mean()))}).",
                f"What is known of one {kind} is spread over several, so each looks less busy than it is.",
                f"Merge the {kind}s in the CRM, then export again.", kind, one.name,
                {"subjects": int(repeated.sum())}, [str(one) for one in examples]))
    return found


def _same_activity(material: Material) -> list[Finding]:
    table = material.history.tables["activities"]
    content = [name for name in table.columns if name not in ("activity_id", *STAMPS)]
    repeated = table.duplicated(content)
    count = int(repeated.sum())
    if not count or count / len(table) <= _NOTABLE:
        return []
    return [Finding(
        "duplicate_activity", "odd", count / len(table),
        f"{named(count, 'activity')} repeat another one in everything but their id ({share(count / len(table))}).",
        "Counts of calls and mails are too high, and busy subjects look busier.",
        "Look for a sync that runs twice, or for rows per participant; export each activity once.", None, None,
        {"activities": count}, [str(one) for one in table.loc[repeated, "activity_id"].head(SHOWN_EXAMPLES)])]
