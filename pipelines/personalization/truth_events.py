"""Entries about events: how likely, how well calibrated, and what acting on them would do."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import floats, texts
from personalize.evaluation import alarms, calibration, decision, prevalence
from personalize.evaluation.intervals import bounded
from personalize.evaluation.missed import high_from, missed_high
from personalize.evaluation.people import People
from personalize.evaluation.rows import people_of
from personalize.evaluation.totals import person_totals, ratio, statistic_of_sums
from pipelines.personalization.parts import AFTER, BEFORE, NUMBER, Parts, null
from pipelines.personalization.results import Key, named


def event_entry(parts: Parts) -> dict[str, Any]:
    """What an event is and how often it occurs."""
    about = {"name": parts.name, "from": parts.since}
    if parts.since is None:
        return {**about, "events": None, "units": None, **NUMBER, "n_participants": 0, "reason": parts.reason}
    people = people_of(next(iter(parts.tables.values())))
    sums = np.stack([event_sums(units, parts.since) for units in people])
    found = statistic_of_sums(sums, ratio(0, 1), "logit", "no units")
    events, units = sums.sum(axis=1).mean(axis=0).tolist()
    return {**about, "events": events, "units": units, **bounded(found), "n_participants": found.people}


def event_sums(units: People, since: float) -> Float[np.ndarray, "p 2"]:
    """Events and units of each person."""
    columns = np.column_stack([units.truth >= since, np.ones(len(units.truth))]).astype(float)
    return person_totals(columns, units.code, len(units.names))


def _probabilities(parts: Parts) -> Iterator[tuple[dict[str, Any], list[People] | str]]:
    """Every adaptation before and after recalibration, with the keys of its rows."""
    for key in parts.tables:
        for column in (BEFORE, AFTER):
            yield {**named(key), "probability": column}, parts.events[key, column]


def calibration_entry(parts: Parts) -> Iterator[dict[str, Any]]:
    """Scores of the probabilities of an event, before and after recalibration."""
    for keys, draws in _probabilities(parts):
        if isinstance(draws, str):
            yield from ({**keys, **null(draws, metric=metric)} for metric in calibration.METRICS)
        else:
            yield from ({**keys, **row} for row in calibration.calibration_rows(draws))


def reliability_entry(parts: Parts) -> Iterator[dict[str, Any]]:
    """The share of events seen by predicted probability, before and after recalibration."""
    empty = dict.fromkeys(("bin", "from", "to", "predicted"))
    for keys, draws in _probabilities(parts):
        if isinstance(draws, str):
            yield {**keys, **null(draws, **empty)}
        else:
            yield from ({**keys, **row} for row in calibration.reliability_rows(draws))


def decision_entry(parts: Parts) -> Iterator[dict[str, Any]]:
    """Net benefit of acting on the probabilities, and of acting always or never."""
    alone = dict.fromkeys(("system", "adaptation", "k", "probability"))
    draws = None
    for keys, found in _probabilities(parts):
        if isinstance(found, str):
            yield {**keys, **null(found, strategy=decision.MODEL, threshold=None), "called": None}
            continue
        draws = draws or found
        yield from ({**keys, **row} for row in decision.decision_rows(found))
    for row in decision.decision_rows(draws, (decision.ALL,)) if draws else []:
        yield {**alone, **row}
        nobody = {"value": 0.0, "low": 0.0, "high": 0.0, "interval": "by definition", "called": 0.0}
        yield {**alone, **row, "strategy": decision.NONE, **nobody}


def alarms_entry(parts: Parts) -> Iterator[dict[str, Any]]:
    """Alarms at the cut, as they would ring."""
    for key, table in parts.tables.items():
        draws = _called(parts, key) if parts.timed else "the tables have no time"
        if isinstance(draws, str):
            yield from (
                {**named(key), **null(draws, metric=metric), **dict.fromkeys(alarms.COUNTS)} for metric in alarms.RATES
            )
        else:
            yield from ({**named(key), **row} for row in alarms.alarm_rows(draws, _times(table)))


def _called(parts: Parts, key: Key) -> list[People] | str:
    draws = parts.events[key, BEFORE]
    return "no cut was chosen" if not isinstance(draws, str) and any(p.cut is None for p in draws) else draws


def _times(table: pd.DataFrame) -> list[alarms.Times]:
    """When the units were, draw by draw, in the order of `people_of`."""
    seed = floats(table, "seed")
    whole = (texts(table, "recording"), floats(table, "onset"), floats(table, "seconds"))
    return [alarms.Times(*(column[seed == each] for column in whole)) for each in np.unique(seed)]


def prevalence_entry(parts: Parts) -> Iterator[dict[str, Any]]:
    """What an alarm means at other prevalences."""
    for key in parts.tables:
        draws = _called(parts, key)
        if isinstance(draws, str):
            yield {**named(key), **null(draws, metric="ppv", prevalence=None)}
        else:
            yield from ({**named(key), **row} for row in prevalence.prevalence_rows(draws))


def missed_entry(parts: Parts, highest: float) -> Iterator[dict[str, Any]]:
    """High pain predicted too low; `highest` is the highest rating there is."""
    for key, table in parts.tables.items():
        if parts.since is None or (parts.threshold is not None and highest <= parts.threshold):
            reason = parts.reason if parts.since is None else "no rating lies above the threshold"
            empty = {"definition": None, "from": None, "below": None, "missed": None, "by_person": []}
            yield {**named(key), **empty, **null(reason)}
            continue
        below = parts.threshold
        high = 1.0 if below is None else high_from(below, highest)
        definition = (
            f"rated {high:.3g} or more, the upper third between the threshold and the highest rating ({highest:g}), "
            f"and predicted below the threshold ({below:g})"
            if below is not None
            else "of the second class, and its probability below the cut"
        )
        yield {**named(key), "definition": definition, **missed_high(people_of(table), high, below)}
