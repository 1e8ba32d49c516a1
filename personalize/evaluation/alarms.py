"""What an alarm at a bedside would do: how often it rings for nothing, and which episodes it misses.

Units are taken in order of time within their recording. An alarm is a run of consecutive units at or above the cut, an
episode a run of consecutive events; a gap longer than the unit before it ends a run. An alarm during which no unit is
an event is false; an episode during which no unit is called is missed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import People
from personalize.evaluation.rows import units_of
from personalize.evaluation.statistics import Statistic
from personalize.evaluation.totals import person_totals, ratio, statistic_of_sums

ALARMS, FALSE, EPISODES, MISSED, HOURS = range(5)
COUNTS = {"alarms": ALARMS, "false_alarms": FALSE, "episodes": EPISODES, "missed": MISSED, "hours": HOURS}
RATES = {
    "false_alarms_per_hour": (FALSE, HOURS, "log"),
    "alarms_per_hour": (ALARMS, HOURS, "log"),
    "missed_episodes": (MISSED, EPISODES, "logit"),
}
"""What is divided by what, and the scale of the interval."""


class Times(NamedTuple):
    """When units were, seconds from the beginning of their recording, and how long."""

    recording: Shaped[np.ndarray, "n"]
    onset: Float[np.ndarray, "n"]
    seconds: Float[np.ndarray, "n"]


class Stretches(NamedTuple):
    """Units in order of time, where one does not follow the one before, and the time that no earlier unit covers."""

    order: Int[np.ndarray, "n"]
    begins: Bool[np.ndarray, "n"]
    new_seconds: Float[np.ndarray, "n"]


def stretches(at: Times) -> Stretches:
    """Consecutive units; overlapping windows count their common time once."""
    _, code = np.unique(at.recording, return_inverse=True)
    order = np.lexsort((at.onset, code))
    code, start, length = code[order], at.onset[order], at.seconds[order]
    end = start + length
    first = np.append(True, code[1:] != code[:-1]) if len(code) else np.zeros(0, bool)
    latest = np.full(len(end), -np.inf)
    for rows in np.split(np.arange(len(end)), np.flatnonzero(first)[1:]):
        latest[rows[1:]] = np.maximum.accumulate(end[rows])[:-1]
    before = np.append(0.0, length[:-1])
    begins = first | (start - latest > before + 1e-9)
    return Stretches(order, begins, np.maximum(end - np.maximum(start, latest), 0.0))


def runs(on: Bool[np.ndarray, "n"], begins: Bool[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
    """The number of the run of consecutive units in which each lies; -1 for those that are off."""
    start = on & (begins | ~np.append(False, on[:-1]))
    return np.where(on, np.cumsum(start) - 1, -1)


def alarm_sums(units: People, at: Times) -> Float[np.ndarray, "p 5"]:
    """Alarms, false alarms, episodes, missed episodes and hours of each person."""
    assert units.cut is not None
    stretch = stretches(at)
    called = (units.prediction >= units.cut)[stretch.order]
    event, code = (units.truth == 1)[stretch.order], units.code[stretch.order]
    columns = np.zeros((len(code), 5))
    columns[:, HOURS] = stretch.new_seconds / 3600
    for on, other, every, alone in ((called, event, ALARMS, FALSE), (event, called, EPISODES, MISSED)):
        number = runs(on, stretch.begins)
        first = np.flatnonzero(on & np.append(True, number[1:] != number[:-1]))
        met = np.bincount(number[on], other[on], len(first)) > 0
        columns[first, every] = 1
        columns[first[~met], alone] = 1
    return person_totals(columns, code, len(units.names))


def alarm_rows(draws: Sequence[People], times: Sequence[Times]) -> list[dict[str, Any]]:
    """A row for each of `RATES`, mean over draws.

    `draws` hold truth 0 or 1, the probability of 1, and from where on it is called.
    Keys: metric, value, low, high, interval, n_participants, n_units, reason; alarms, false_alarms, episodes, missed,
    hours in one draw, on average.
    """
    sums = np.stack([alarm_sums(units, at) for units, at in zip(draws, times, strict=True)])
    total = sums.sum(axis=1).mean(axis=0)
    counts = {name: float(total[place]) for name, place in COUNTS.items()}
    rows = []
    for metric, of in RATES.items():
        found = _rate(sums, *of)
        sizes = {"n_participants": found.people, "n_units": units_of(found, draws)}
        rows.append({"metric": metric, **_bounded(found, counts), **sizes, **counts})
    return rows


def _rate(sums: Float[np.ndarray, "s p 5"], above: int, below: int, scale: str) -> Statistic:
    reason = "no episode" if below == EPISODES else "the units last no time"
    return statistic_of_sums(sums, ratio(above, below), scale, reason, np.any(sums[..., below] > 0, axis=0))


def _bounded(found: Statistic, counts: dict[str, float]) -> dict[str, Any]:
    """A rate of exactly 0 has no interval over people: the hours say how much that is worth."""
    row = bounded(found)
    if found.value == 0 and row["value"] is None and found.people > 1:
        row["reason"] = f"none in {counts['hours']:.3g} hours of {found.people} participants"
    return row
