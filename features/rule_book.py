"""Rules: points for what is known of a lead, as people write them down; the file's form, and what it may ask for.

One YAML file per home, `rules.yaml`, strict: an unknown key, field or type is an error that names the line and the
nearest known name. What a lead's points are as of a date is computed in `features.rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from features.errors import BadInput, NotFound, nearest
from features.mapping import SUBJECTS, Mapping
from features.strict import Strict, explain_invalid, line_of, read_yaml

__all__ = ["ANY", "RULES_FILE", "Clause", "Group", "Rule", "Rules", "check_rules", "load_rules", "parse_rules",
           "rules_schema"]

RULES_FILE = "rules.yaml"
ANY = "any"  # an activity of whatever kind

Word = str | int | float | bool
Days = Annotated[float, Field(gt=0)]


class Clause(Strict):
    """One condition: about a field's value or about activities."""

    field: str | None = None
    """A mapped field; with one of equals, in, contains, known, or at_least and at_most."""
    of: Literal["lead", "account", "contact"] = "lead"
    """Whose field it is: the lead's own, or that of the lead's account or contact."""
    equals: Word | None = None
    """The field has this value; capitals do not matter, and * stands for anything ("head of *")."""
    one_of: Annotated[list[Word], Field(alias="in")] = []
    """The field has one of these values."""
    contains: Annotated[str, Field(min_length=1)] | None = None
    """This stands somewhere in the field's value; capitals do not matter."""
    known: bool | None = None
    """true: the field has a value. false: it has none."""
    at_least: float | None = None
    """A number or an amount is at least so much; of an activity, it happened at least so often (once, if left out)."""
    at_most: float | None = None
    """A number or an amount is at most so much; of an activity, it happened at most so often (0: not at all)."""
    activity: str | None = None
    """A kind of activity, or any; with within_days, at_least, at_most and direction."""
    direction: str | None = None
    """Only activities in this direction, such as inbound."""
    within_days: Days | None = None
    """Only activities of the last so many days."""

    @model_validator(mode="after")
    def _is_one(self) -> Clause:
        if (self.field is None) == (self.activity is None):
            raise ValueError("a condition is about one thing: {field: NAME, ...} or {activity: KIND, ...}")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"nothing is at least {self.at_least:g} and at most {self.at_most:g}")
        if self.field is not None:
            self._check_field()
        else:
            self._check_activity()
        return self

    def _check_field(self) -> None:
        if self.direction is not None or self.within_days is not None:
            raise ValueError("'direction' and 'within_days' are for activities: {activity: KIND, within_days: 30}")
        asked = [self.equals is not None, bool(self.one_of), self.contains is not None, self.known is not None,
                 self.is_range]
        if asked.count(True) != 1:
            raise ValueError(f"field '{self.field}' needs one of: equals, in, contains, known, or at_least and at_most")

    def _check_activity(self) -> None:
        unfit = [name for name, given in (("equals", self.equals), ("in", self.one_of or None),
                                          ("contains", self.contains), ("known", self.known)) if given is not None]
        if unfit or self.of != "lead":
            raise ValueError(f"'{unfit[0] if unfit else 'of'}' is for fields; an activity takes direction, "
                             "within_days, at_least and at_most")
        for count in (self.at_least, self.at_most):
            if count is not None and (count < 0 or count != int(count)):
                raise ValueError(f"an activity happens a whole number of times, not {count:g}")

    @property
    def is_range(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    @property
    def words(self) -> list[Word]:
        """The values that fit, of `equals` and `in` alike."""
        return [self.equals] if self.equals is not None else self.one_of

    @property
    def has_begun(self) -> bool:
        """Whether something happened when it holds, so that there is a day to count from."""
        if self.activity is not None:
            return (self.at_least is None and self.at_most is None) or (self.at_least or 0) > 0
        return self.known is not False

    def __str__(self) -> str:
        """The condition in words."""
        if self.activity is not None:
            return self._activity_words()
        name = self.field if self.of == "lead" else f"the {self.of}'s {self.field}"
        if self.known is not None:
            return f"{name} is {'known' if self.known else 'not known'}"
        if self.contains is not None:
            return f"{name} contains {self.contains}"
        if self.is_range:
            ends = [f"{word} {end:g}" for word, end in (("at least", self.at_least), ("at most", self.at_most))
                    if end is not None]
            return f"{name} is {' and '.join(ends)}"
        return f"{name} is {' or '.join(str(word) for word in self.words)}"

    def _activity_words(self) -> str:
        ends = (("at least", self.at_least), ("at most", self.at_most))
        often = ["no"] if self.at_most == 0 else [f"{word} {int(end)}" for word, end in ends if end is not None]
        kind = "activity of any kind" if self.activity == ANY else str(self.activity)
        return " ".join(one for one in (" and ".join(often), self.direction, kind,
                                        f"within {self.within_days:g} days" if self.within_days else "") if one)


class Rule(Clause):
    """A condition, and the points that it gives or takes."""

    points: float
    """Points for leads of which it holds; negative ones are taken away."""
    also: Annotated[list[Clause], Field(alias="and")] = []
    """Further conditions that must hold too."""
    half_life_days: Days | None = None
    """The points halve every so many days after the field got its value, or after the last such activity."""
    lose_after_days: Days | None = None
    """The points are lost so many days after that."""

    @model_validator(mode="after")
    def _fades_by_something(self) -> Rule:
        if self.points == 0:
            raise ValueError("0 points change nothing. Give points, or take the rule out")
        if self.half_life_days is not None and self.lose_after_days is not None:
            raise ValueError("points halve (half_life_days) or are lost at once (lose_after_days): give one of them")
        if (self.half_life_days or self.lose_after_days) and not self.has_begun:
            raise ValueError(f"'{Clause.__str__(self)}' has no day from which points could fade, since it is about "
                             "what is not there. Take half_life_days or lose_after_days out")
        return self

    @property
    def tests(self) -> list[Clause]:
        return [self, *self.also]

    def __str__(self) -> str:
        words = ", and ".join(Clause.__str__(one) for one in self.tests)
        if self.half_life_days is not None:
            return f"{words}; halves every {self.half_life_days:g} days"
        return words if self.lose_after_days is None else f"{words}; lost after {self.lose_after_days:g} days"


class Group(Strict):
    """Rules about one thing, whose points are added up and kept between two bounds."""

    cap: Annotated[float, Field(gt=0)] | None = None
    """The most points that the group gives."""
    floor: Annotated[float, Field(lt=0)] | None = None
    """The fewest points that the group gives; left out, its negative points have no bound."""
    rules: Annotated[list[Rule], Field(min_length=1)]
    """The rules, in any order."""


class Rules(Strict):
    groups: Annotated[dict[Annotated[str, Field(pattern=r"^\w[\w -]*$")], Group], Field(min_length=1)]
    """Groups of rules, by name. A lead's points are the sum of its groups'."""

    def each(self) -> Iterator[tuple[str, int, Rule]]:
        """Every rule as (group, place in it, rule), in the order of the file."""
        for name, group in self.groups.items():
            for i, rule in enumerate(group.rules):
                yield name, i, rule


def parse_rules(text: str, where: str) -> Rules:
    """Read rules from YAML text; `where` names it in messages. Raises BadInput."""
    content = read_yaml(text, where)
    if not isinstance(content, dict):
        raise BadInput(f"{where} holds no rules: it needs at least 'groups: {{fit: {{rules: [{{points: 10, "
                       "field: NAME, known: true}}]}}'. docs/rules.md has every key.")
    try:
        return Rules.model_validate(content)
    except ValidationError as error:
        raise BadInput(explain_invalid(error, Rules, where, text)) from error


def load_rules(path: Path, mapping: Mapping) -> Rules:
    """Read a file of rules and check it against the company's mapping. Raises NotFound or BadInput."""
    if not path.is_file():
        raise NotFound(f"There is no file of rules {path}.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not text in UTF-8, so it holds no rules. Save it as UTF-8.") from error
    rules = parse_rules(text, str(path))
    check_rules(rules, mapping, str(path), text)
    return rules


def check_rules(rules: Rules, mapping: Mapping, where: str, text: str) -> None:
    """Refuse rules about fields that the mapping does not have, or that ask of a field what its type cannot answer.

    Raises BadInput that names every one of them.
    """
    problems = []
    for group, i, rule in rules.each():
        for j, test in enumerate(rule.tests):
            problem = _problem(test, mapping)
            if problem:
                path = ("groups", group, "rules", i, *(("and", j - 1) if j else ()))
                problems.append(f"  line {line_of(text, path)}, {'.'.join(str(part) for part in path)}: {problem}")
    if problems:
        raise BadInput(f"{where} cannot be used:\n" + "\n".join(problems))


def _problem(test: Clause, mapping: Mapping) -> str | None:
    if test.field is None:
        return None
    types = mapping.field_types(test.of)
    if test.field not in types:
        elsewhere = [kind for kind in ("lead", "account", "contact") if test.field in mapping.field_types(kind)]
        cure = f" The {elsewhere[0]} has one: of: {elsewhere[0]}." if elsewhere else nearest(test.field, types)
        return (f"there is no {test.of} field '{test.field}'.{cure} Mapped for {SUBJECTS[test.of]}: "
                f"{', '.join(sorted(types)) or 'none'}.")
    dtype = types[test.field]
    if test.known is not None:
        return None
    if dtype == "date":
        return f"'{test.field}' is a date, which can only be known or not: known: true."
    is_number = dtype in ("number", "money")
    if test.is_range and not is_number:
        return f"at_least and at_most are for numbers, and '{test.field}' is a {dtype}. Use equals, in or contains."
    if is_number and (test.contains is not None or any(isinstance(word, (str, bool)) for word in test.words)):
        return f"'{test.field}' is a {dtype}: compare it with numbers, by at_least, at_most, equals or in."
    return None


def rules_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a file of rules."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": "Written by: dealcast rules schema",
            **Rules.model_json_schema(by_alias=True), "title": "Rules of dealcast",
            "description": "Points for what is known of a lead."}
