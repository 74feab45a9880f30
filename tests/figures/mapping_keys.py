"""Every key of a mapping with its meaning, as tables for docs/mapping.md."""

from __future__ import annotations

from typing import Any

from features.mapping_schema import mapping_schema

__all__ = ["table"]

SECTIONS = {"Mapping": "The file itself", "Source": "An entry of `sources`", "FieldSpec": "An entry of `fields`",
            "Stage": "An entry of `stages`", "LeadOutcome": "`leads`", "DealOutcome": "`deals`",
            "Condition": "A condition of `converted`, `disqualified`, `won` or `lost`", "Horizon": "`horizon`",
            "Join": "An entry of `join`", "Made": "An entry of `made`"}


def table(_small: bool) -> str:
    schema = mapping_schema()
    models: dict[str, dict[str, Any]] = {"Mapping": schema, **schema["$defs"]}
    assert set(models) == set(SECTIONS), "each model of the mapping has a section"
    parts = []
    for name, title in SECTIONS.items():
        needed = models[name].get("required", [])
        rows = [f"| `{key}`{' (needed)' if key in needed else ''} | {_values(value)} | {value['description']} |"
                for key, value in models[name]["properties"].items()]
        parts.append("\n".join([f"### {title}", "", "| key | value | meaning |", "| --- | --- | --- |",
                                *(" ".join(row.split()) for row in rows)]))
    return "\n\n".join(parts)


def _values(value: dict[str, Any]) -> str:
    """The values that a key takes, in a few words."""
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "$ref" in value:
        return "keys, see below"
    if "anyOf" in value:
        found = [_values(one) for one in value["anyOf"] if one.get("type") != "null"]
        return "a word" if len(found) > 2 else " or ".join(dict.fromkeys(found))
    if value.get("type") == "array":
        return f"list of {_values(value['items']).removeprefix('a ')}"
    if value.get("type") == "object":
        return f"name: {_values(value['additionalProperties'])}"
    kind = {"string": "text", "integer": "whole number", "boolean": "`true`, `false`"}.get(
        value.get("type", ""), value.get("type", "any"))
    default = value.get("default")
    return kind if default in (None, False, "", [], {}) else f"{kind}, else `{default}`"
