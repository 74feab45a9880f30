"""The published schema of mappings: a JSON Schema, made from the models that read them, so that it is never behind.

Editors check and complete a mapping by it: `configs/mapping.schema.json` is the shipped copy.
"""

from __future__ import annotations

from typing import Any

from features.mapping import Mapping

__all__ = ["mapping_schema"]


def mapping_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a mapping file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema",
            "$comment": "Written by: dealcast mapping schema",
            **Mapping.model_json_schema(by_alias=True), "title": "A mapping of dealcast",
            "description": "How the columns of a company's files become the contract's tables."}
