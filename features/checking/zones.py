"""Time zones that look wrong: offices at work by night, all of it shifted by whole hours, or dates taken for times."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.calendar import DAY, local_micros
from features.checking.finding import Finding, share
from features.checking.material import Material
from features.events import Int
from features.history import OWN_TIME

__all__ = ["zones"]

_HOUR = DAY // 24
_LEAST = 200  # moments below which a profile of 24 hours is noise
_DATES = 0.9  # share at one and the same time of day from which they are dates and not times
_OFFICE_HOURS = 9
_CONCENTRATED = 0.7  # share in the busiest hours; machines and customers around the world spread evenly
_OFFICE_STARTS = range(4, 13)  # from bakers' to late offices
_WEEKEND = 2 / 7 * 1.1  # more than an even spread over the days


def zones(material: Material) -> list[Finding]:
    """What the hours and weekdays of each file's activities and changes say of their clock."""
    found = []
    for name in ("activities", "changes"):
        table = material.history.tables[name]
        own = table[OWN_TIME[name]]
        people = ~own.isin(material.import_times)
        for file, moments in own[people].groupby(table.loc[people, "source"]):
            if len(moments) >= _LEAST:
                found += _of_file(str(file), name, moments, material)
    return found


def _of_file(file: str, table: str, moments: pd.Series, material: Material) -> list[Finding]:
    zone = material.history.mapping.zone
    local = local_micros(moments.to_numpy(np.int64), zone)
    time_of_day = local % DAY
    at, often = np.unique(time_of_day, return_counts=True)
    same = float(often.max() / len(local))
    # Dates of UTC read on a clock with summer time stand at two hours of the day.
    utc_midnight = float(np.mean(moments % DAY == 0))
    if same >= _DATES and at[np.argmax(often)] == 0:
        return [Finding(
            "dates_only", "odd", same * 0.1, f"{file}: {share(same)} of the {table} stand at 00:00; they are dates "
            "without a time.", "What happened on one day has no order, and hours of delay cannot be seen.",
            "Export the times too, if the CRM has them; else this is as good as it gets.", None, None,
            {"share": round(same, 4)})]
    if max(same, utc_midnight) >= _DATES:
        hour = int(at[np.argmax(often)] // _HOUR)
        return [Finding(
            "time_zone", "wrong", max(same, utc_midnight), f"{file}: {share(max(same, utc_midnight))} of the {table} "
            f"stand at one time of day, {hour:02d}:00 in {zone.key}; they are dates of another time zone.",
            "They fall on the wrong day, so an end may count a day too early.",
            "Map a column with dates alone, or set the time_zone in which the export's midnight is midnight.", None,
            None, {"share": round(max(same, utc_midnight), 4), "hour": hour})]
    times = local[time_of_day != 0]
    return [*_shifted(file, table, times, zone.key), *_weekend(file, table, local)]


def _shifted(file: str, table: str, times: Int, zone: str) -> list[Finding]:
    if len(times) < _LEAST:
        return []
    by_hour = np.bincount((times % DAY) // _HOUR, minlength=24)
    windows = np.array([np.roll(by_hour, -start)[:_OFFICE_HOURS].sum() for start in range(24)])
    start = int(np.argmax(windows))
    busy = float(windows[start] / len(times))
    if busy < _CONCENTRATED or start in _OFFICE_STARTS:
        return []
    shift = (8 - start + 12) % 24 - 12
    return [Finding(
        "time_zone", "wrong", busy, f"{file}: {share(busy)} of the {table} fall between {start:02d}:00 and "
        f"{(start + _OFFICE_HOURS) % 24:02d}:00 in {zone}, as if the clock were about {abs(shift)} hours "
        f"{'behind' if shift > 0 else 'ahead'}.", "Days begin and end at the wrong hour, business days too.",
        "Set the mapping's time_zone to where the company works, or export times with their offset (…Z, +01:00).", None,
        None, {"share": round(busy, 4), "busiest_from_hour": start, "shift_hours": shift})]


def _weekend(file: str, table: str, local: Int) -> list[Finding]:
    weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
    per_day = np.bincount(weekday, minlength=7) / len(local)
    part = float(per_day[5:].sum())
    if part < _WEEKEND:
        return []
    return [Finding(
        "weekend", "odd", part, f"{file}: {share(part)} of the {table} fall on Saturdays and Sundays.",
        "Offices work from Monday to Friday as a rule; day and month may be swapped, or the days shifted.",
        "Check a few dates against the CRM. Where people do work at weekends nothing is wrong.", None, None,
        {"share": round(part, 4)})]
