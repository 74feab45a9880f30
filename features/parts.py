"""Parts: several mappings of one company, such as a CRM's and a phone system's, read as one.

Each part is a mapping file of its own with `part: NAME`. Their sources are put together in the order of the parts'
names, so that it does not matter which was imported first. A setting stands in one part, or in several that agree.
"""

from __future__ import annotations

from pydantic import ValidationError

from features.errors import Conflict
from features.mapping import Mapping
from features.strict import explain_invalid

__all__ = ["merged"]

_APART = {"company", "simulated", "part", "sources"}
# How a part's own files were read: a part that leaves one out was read with its default.
_OF_READING = {"time_zone", "currency"}


def merged(parts: dict[str, Mapping]) -> Mapping:
    """The one mapping that the parts of a company amount to. Raises Conflict naming the parts that do not agree."""
    names = sorted(parts)
    first = parts[names[0]]
    if len(parts) == 1:
        return first
    settings = {}
    for setting in Mapping.model_fields.keys() - _APART:
        given = [name for name in names if setting in _OF_READING or setting in parts[name].model_fields_set]
        for name in given[1:]:
            ours, theirs = getattr(parts[given[0]], setting), getattr(parts[name], setting)
            if ours != theirs:
                raise Conflict(_not_the_same(first.company, setting, given[0], name, ours, theirs))
        if given:
            settings[setting] = getattr(parts[given[0]], setting)
    sources = [source for name in names for source in parts[name].sources]
    try:
        return Mapping(company=first.company, simulated=first.simulated, sources=sources, **settings)
    except ValidationError as error:
        where = f"The parts {', '.join(names)} of {first.company} do not fit together: they"
        raise Conflict(explain_invalid(error, Mapping, where)) from error


def _not_the_same(company: str, setting: str, one: str, other: str, ours: object, theirs: object) -> str:
    differ = f" ('{ours}' and '{theirs}')" if isinstance(ours, (str, int)) else ""
    cure = ("Write the same in both: a part that leaves it out reads its files by the default"
            if setting in _OF_READING else "Write the same in both, or leave it out of one")
    return f"The parts '{one}' and '{other}' of {company} have a different {setting}{differ}. {cure}, and import again."
