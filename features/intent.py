"""Intent: whether a lead came to us or gets in touch (high), or was found and approached (low), as of each time.

The two convert at rates that have little to do with each other, so a list of whom to call and whatever is told of it
keeps them apart. What counts as high is a setting (`intent:`): the customer got in touch lately, or the field that says
where the lead came from has one of some values.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.asof import Texts, category, count
from features.errors import BadInput, nearest
from features.events import Int
from features.history import History
from features.known import AsOf
from features.settings import IntentSettings, load_settings
from features.sources.values import is_among

__all__ = ["HIGH", "LOW", "intent_bands"]

HIGH, LOW = "high", "low"


def intent_bands(history: History, subject: Int, at: Int, settings: IntentSettings) -> Texts:
    """HIGH or LOW for leads (codes) at times, (n,).

    Raises BadInput where the settings name a field that the mapping does not have, other than the shipped one.
    """
    pairs = AsOf(history, "lead", subject, at)
    high = np.asarray(count(pairs.activities(direction="inbound"), pairs, settings.inbound_days) > 0, dtype=np.bool_)
    fields = history.mapping.field_types("lead")
    if settings.field in fields:
        high |= _came_to_us(pairs, settings)
    elif settings.field != load_settings().intent.field:
        raise BadInput(f"intent.field names '{settings.field}', which is no field of a lead."
                       f"{nearest(settings.field, fields)} Mapped for leads: {', '.join(sorted(fields)) or 'none'}.")
    return np.where(high, HIGH, LOW).astype(object)


def _came_to_us(pairs: AsOf, settings: IntentSettings) -> npt.NDArray[np.bool_]:
    events = pairs.changes(settings.field)
    levels = pd.Series(events.levels, dtype="str")
    fits = events.levels[is_among(levels.str.casefold(), [value.casefold() for value in settings.values])]
    value = pd.Series(category(events, pairs), dtype=object)
    return np.asarray(value.isin(list(fits)).to_numpy(bool), dtype=np.bool_)
