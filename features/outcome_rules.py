"""What ends a lead or a deal, as a mapping says it: conditions over changes, deals and activities.

The common case needs no condition: stages with an outcome, and words of a lead's status. A condition says the rest:
    {field: is_won, becomes: [true]}      a field gets one of these values
    {field: converted_at, filled: true}   a field gets any value; of a date field, the date is when it ended
    {deal: created}                       a deal is created from the lead
    {activity: invoice, direction: out}   such an activity about the lead or deal happens
A subject is won (or converted) while any of the conditions for that holds, else lost (or disqualified) while one for
that holds. A field's condition holds until the field gets another value, the others for good.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from features.strict import Strict

__all__ = ["Condition", "DealOutcome", "Horizon", "LeadOutcome", "Stage"]

Word = str | int | float | bool


class Stage(Strict):
    name: str
    """The stage, by the word that the file has (after `values`)."""
    outcome: Literal["won", "lost"] | None = None
    """Marks a stage that ends a deal, and how."""
    reopens: bool = True
    """false: a row with this stage after the deal ended does not open the deal again (a clerical row)."""


class Horizon(Strict):
    days: Annotated[int, Field(gt=0)]
    """Within how many days the outcome is predicted."""
    origin: Annotated[Literal["created", "as_of"], Field(alias="from")] = "as_of"
    """Counted from the lead's creation, or from the date at which it is asked."""


class Condition(Strict):
    field: str | None = None
    """A mapped field of the lead or deal; with `becomes` or `filled`."""
    becomes: list[Word] = []
    """The field gets one of these values. true fits TRUE, True and yes, false their opposites."""
    filled: bool = False
    """true: the field gets any value. Of a date field, that date is when the lead or deal ended."""
    deal: Literal["created"] | None = None
    """created: a deal that names the lead is created. For leads only."""
    activity: str | None = None
    """An activity of this kind about the lead or deal happens, such as invoice."""
    direction: str | None = None
    """Only an activity in this direction."""

    @model_validator(mode="after")
    def _is_one(self) -> Condition:
        by_field = bool(self.becomes) or self.filled
        if self.becomes and self.filled:
            raise ValueError("'becomes' names values and 'filled' means any value: give one of them")
        if by_field and self.field is None:
            raise ValueError("'field' says which field: {field: NAME, becomes: [...]}")
        if self.field is not None and not by_field:
            raise ValueError(f"field '{self.field}' needs 'becomes: [...]' or 'filled: true'")
        if (by_field, self.deal is not None, self.activity is not None).count(True) != 1:
            raise ValueError("a condition is one of {field: NAME, becomes: [...]}, {field: NAME, filled: true}, "
                             "{deal: created} and {activity: KIND}")
        if self.direction is not None and self.activity is None:
            raise ValueError("'direction' is an activity's: {activity: KIND, direction: ...}")
        return self


STATE = "(state)"  # stands in a condition for the field that the outcome is about


def _word_as_condition(given: Any) -> Any:
    """A mere word is the common case: the state's field becomes it."""
    if isinstance(given, (dict, Condition)):
        return given
    if isinstance(given, (str, int, float, bool)):
        return Condition(field=STATE, becomes=[given])
    raise ValueError("is neither a value of the field nor a condition such as {field: NAME, becomes: [...]}")


Ending = Annotated[Condition, BeforeValidator(_word_as_condition, json_schema_input_type=Word | Condition)]


class LeadOutcome(Strict):
    field: str = "status"
    """The field whose values say where a lead stands."""
    converted: list[Ending]
    """When a lead has converted: values of that field, or conditions."""
    disqualified: list[Ending] = []
    """When a lead is out: values of that field, or conditions."""
    horizon: Horizon
    """Within which time a conversion is predicted."""

    def endings(self) -> list[tuple[Literal["won", "lost"], Condition]]:
        return _resolved(self.field, self.converted, self.disqualified)


class DealOutcome(Strict):
    won: list[Ending] = []
    """When a deal is won, beside the stages that say so: stages by name, or conditions."""
    lost: list[Ending] = []
    """When a deal is lost, beside the stages that say so: stages by name, or conditions."""

    def endings(self) -> list[tuple[Literal["won", "lost"], Condition]]:
        return _resolved("stage", self.won, self.lost)


def _resolved(state_field: str, won: list[Condition],
              lost: list[Condition]) -> list[tuple[Literal["won", "lost"], Condition]]:
    """Conditions with what each ends in; words are conditions on the state's field."""
    def of(one: Condition) -> Condition:
        return one.model_copy(update={"field": state_field}) if one.field == STATE else one

    return [*(("won", of(one)) for one in won), *(("lost", of(one)) for one in lost)]
