"""Files of settings, read strictly: an unknown key or a value of another type is an error that a person can mend.

The base of every model behind such a file, and the words for what pydantic found wrong. A string beneath an attribute
is its description, which the published schema and the docs show.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from features.errors import BadInput, nearest

__all__ = ["Strict", "explain_invalid", "line_of", "read_yaml"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False,
                              use_attribute_docstrings=True)


class _OnceEach(yaml.SafeLoader):
    """YAML in which no key stands twice: of two, the first would be lost without a word."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.value in lines:
                raise BadInput(f"line {line}: '{key.value}' stands in line {lines[key.value]} already, and only one of "
                               "them would count. Put them together, or take one out.")
            lines[str(key.value)] = line
        return node


def read_yaml(text: str, where: str) -> Any:
    """Read YAML text; `where` names it in messages. Raises BadInput."""
    try:
        return yaml.load(text, Loader=_OnceEach)
    except yaml.YAMLError as error:
        raise BadInput(f"{where} is not YAML: {error}") from error
    except BadInput as error:
        raise BadInput(f"{where}, {error}") from error


def line_of(yaml_text: str, path: Iterable[int | str]) -> int:
    """The line in which what the keys at `path` lead to begins, or the nearest thing around it that is there."""
    node: Any = yaml.compose(yaml_text, Loader=yaml.SafeLoader)
    for part in path:
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        found = dict(enumerate(children)) if isinstance(node, yaml.SequenceNode) else {
            key.value: value for key, value in children}
        if part not in found:
            break
        node = found[part]
    return int(node.start_mark.line) + 1


def explain_invalid(error: ValidationError, model: type[BaseModel], where: str, yaml_text: str | None = None) -> str:
    """Word pydantic's findings for a person: one line each, with the nearest name for an unknown key, and with the line
    of the file where its text is given."""
    lines = []
    for found in error.errors():
        path = ".".join(str(part + 1 if isinstance(part, int) else part) for part in found["loc"])  # as people count
        text = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            owner = _model_at(model, found["loc"][:-1])
            known = [field.alias or name for name, field in owner.model_fields.items()] if owner else []
            text = "unknown setting." + nearest(str(found["loc"][-1]), known)
        line = "" if yaml_text is None else f"line {line_of(yaml_text, found['loc'])}, "
        lines.append(f"  {line}{path or 'top'}: {text}")
    return f"{where} cannot be used:\n" + "\n".join(lines)


def _model_at(model: type[BaseModel], path: tuple[int | str, ...]) -> type[BaseModel] | None:
    """Find the pydantic model that the keys at `path` belong to."""
    found: Any = model
    for part in path:
        if isinstance(part, int) or not hasattr(found, "model_fields"):
            continue
        by_key = {field.alias or name: field for name, field in found.model_fields.items()}
        if part not in by_key:
            continue
        pending = [by_key[part].annotation]
        while pending:
            kind = pending.pop()
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found = kind
                break
            pending.extend(getattr(kind, "__args__", ()))
    return found if hasattr(found, "model_fields") else None
