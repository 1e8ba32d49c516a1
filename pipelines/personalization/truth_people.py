"""Entries about people: groups of them, every one of them, and how many more it would take."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.adaptation.names import parts as parts_of_name
from personalize.cohorts.development import COLUMN
from personalize.config import LowestPredicted
from personalize.evaluation import alarms, calibration
from personalize.evaluation.jackknife import natural_scale
from personalize.evaluation.people import People
from personalize.evaluation.predictive import person_errors
from personalize.evaluation.rows import POOLINGS, people_of
from personalize.evaluation.sample_size import sample_size_rows
from personalize.evaluation.statistics import Statistic, over_draws, statistic
from personalize.evaluation.subgroups import group_rows, levels_of, terciles, with_age_bands
from personalize.evaluation.targets import Target
from personalize.protocols.plan import Plan
from pipelines.personalization.parts import BEFORE, Parts, bare_names
from pipelines.personalization.results import Key, named
from pipelines.personalization.shown import SHOWN
from pipelines.personalization.truth_events import event_sums

WORST = 10
OCCLUSION = ("occlusion", "quality", "confidence")
"""Features by which one knows how much of a face is seen."""
Rows = list[dict[str, Any]]


class Number(NamedTuple):
    """A metric of an adaptation."""

    metric: str
    pooling: str
    found: Statistic
    values: Float[np.ndarray, "p"] | None
    """Of every person, NaN where undefined; None for a metric of all units together only."""
    draws: list[People]


def numbers_of(parts: Parts, key: Key) -> list[Number]:
    """The metrics of the tables, mean over people where everybody has them, then two of the events' probabilities."""
    target, draws = Target(parts.kind, parts.threshold), people_of(parts.tables[key])
    numbers = []
    for metric in SHOWN[parts.kind]:
        each = over_draws([statistic(metric, units, target, POOLINGS[0]) for units in draws])
        if each.counted.all():
            numbers.append(Number(metric, POOLINGS[0], each, each.values, draws))
        else:
            found = over_draws([statistic(metric, units, target, POOLINGS[1]) for units in draws])
            numbers.append(Number(metric, POOLINGS[1], found, each.values, draws))
    events = parts.events[key, BEFORE]
    for metric in ("brier", "calibration_intercept"):
        if metric not in SHOWN[parts.kind] and not isinstance(events, str):
            found = over_draws([calibration.calibration_statistic(metric, units) for units in events])
            numbers.append(Number(metric, POOLINGS[1], found, None, events))
    return numbers


def subgroups(parts: Parts, numbers: dict[Key, list[Number]], plan: Plan, cohort: pd.DataFrame) -> dict[str, Any]:
    """Every metric by what `cohort`, the table of participants, and the features say of people."""
    names = next(iter(numbers.values()))[0].draws[0].names
    bare = bare_names(names, plan)
    known = with_age_bands(cohort)
    columns = {column: (None, levels) for column, levels in levels_of(known, (COLUMN,)).items()}
    columns = {**_derived(parts, plan, bare), **columns}
    about: Rows = []
    groups: dict[str, dict[str, list[str]]] = {}
    for column, (definition, levels) in columns.items():
        tested = {} if isinstance(levels, str) else _tested(levels, bare)
        counts = [{"level": level, "n_participants": len(people)} for level, people in tested.items()]
        missing = len(bare) - sum(len(people) for people in tested.values())
        reason = levels if isinstance(levels, str) else None if len(tested) > 1 else "everybody tested is alike"
        about.append(
            {"column": column, "definition": definition, "levels": counts, "missing": missing, "reason": reason}
        )
        if reason is None:
            groups[column] = tested
    rows = [row for key, found in numbers.items() for number in found for row in _group_rows(key, number, groups, bare)]
    return {"columns": about, "rows": rows}


def _tested(levels: Mapping[str, list[str]], names: np.ndarray) -> dict[str, list[str]]:
    tested = set(names.tolist())
    found = {level: [name for name in people if name in tested] for level, people in levels.items()}
    return {level: people for level, people in found.items() if people}


def _group_rows(
    key: Key, number: Number, groups: dict[str, dict[str, list[str]]], names: np.ndarray
) -> Iterator[dict[str, Any]]:
    size = np.bincount(number.draws[0].code, minlength=len(names)) * number.found.counted
    for row in group_rows(number.found, groups, names):
        units = int(size[np.isin(names, groups[row["column"]][row["level"]])].sum())
        yield {**named(key), "metric": number.metric, "pooling": number.pooling, **row, "n_units": units}


def _derived(parts: Parts, plan: Plan, names: np.ndarray) -> dict[str, tuple[str | None, dict[str, list[str]] | str]]:
    """Groups by what the features say of people, without any label of theirs: what it is, and who is in them."""
    what, moved = _expressiveness(parts)
    found: dict[str, tuple[str | None, dict[str, list[str]] | str]] = {"expressiveness": (what, terciles(names, moved))}
    column = next((c for c in plan.problem.columns if c.lower() in OCCLUSION), None)
    if column is None:
        return found | {"occlusion": (None, "the features do not say how much of the face is seen")}
    values = plan.rows.x[plan.valid, plan.problem.columns.index(column)]
    who = bare_names(plan.units.participant, plan)
    seen = np.array([values[who == name].mean() for name in names.tolist()])
    return found | {"occlusion": (f"thirds of the mean of the feature {column} over units", terciles(names, seen))}


def _expressiveness(parts: Parts) -> tuple[str, Float[np.ndarray, "p"]]:
    """How much a person's face moves: by its PSPI if there is one, else by what the population model makes of it."""
    pspi = parts.pspi
    what = "the PSPI (scaled to the target)" if pspi is not None else "the predictions under `none`"
    part = next(iter(parts.tables.values())) if pspi is None else pspi
    chances = [str(c) for c in part.columns if str(c).startswith("p_")] if parts.kind == "class" else []
    spreads = []
    for column in chances or ["prediction"]:
        each = [_spread(units) for units in people_of(part, column)]
        spreads.append(np.mean(each, axis=0) ** 2)
    return f"thirds of the standard deviation within person of {what}", np.sqrt(np.sum(spreads, axis=0))


def _spread(units: People) -> Float[np.ndarray, "p"]:
    size = np.bincount(units.code)
    mean = np.bincount(units.code, units.prediction) / size
    return np.sqrt(np.bincount(units.code, (units.prediction - mean[units.code]) ** 2) / size)


def participants(parts: Parts, plan: Plan) -> dict[str, Any]:
    """Everybody's error and what of theirs was used."""
    keys = list(parts.tables)
    first = people_of(parts.tables[keys[0]])
    names = first[0].names.tolist()
    errors = {key: person_errors(table, parts.kind) for key, table in parts.tables.items()}
    labels = {key: _labels(table) for key, table in parts.tables.items()}
    counts = np.mean([event_sums(units, parts.since if parts.since is not None else np.inf) for units in first], axis=0)
    neutral = _neutral_seconds(plan, parts.timed)
    rows = [
        {
            "participant": str(name),
            "units": float(counts[i, 1]),
            "events": None if parts.since is None else float(counts[i, 0]),
            "neutral_seconds": neutral.get(name, 0.0) if isinstance(neutral, dict) else None,
            "labels": [float(labels[key][i]) for key in keys],
            "error": [float(errors[key][i]) for key in keys],
        }
        for i, name in enumerate(names)
    ]
    worst = [
        {**named(key), "participants": [names[i] for i in np.argsort(-errors[key], kind="stable")[:WORST]]}
        for key in keys
    ]
    return {
        "metric": "error_rate" if parts.kind in ("class", "probability") else "mae",
        "adaptations": [named(key) for key in keys],
        "rows": rows,
        "worst": worst,
        "neutral_reason": neutral if isinstance(neutral, str) else None,
        "reason": "single people: there is no interval over participants",
    }


def _labels(table: pd.DataFrame) -> Float[np.ndarray, "p"]:
    """Labels that each person gave, by name, mean over draws."""
    return np.mean(
        [np.bincount(p.code, p.prediction) / np.bincount(p.code) for p in people_of(table, "labels")], axis=0
    )


def _neutral_seconds(plan: Plan, timed: bool) -> dict[str, float] | str:
    """How long everybody's neutral moment is, or why that is not known."""
    ks = [a.k for a in plan.cells if parts_of_name(a.name).referenced]
    if not ks:
        return "no adaptation uses a neutral moment"
    if isinstance(plan.config.neutral, LowestPredicted):
        return "the neutral moment is chosen by each fold's model"
    if not timed:
        return "the tables have no time"
    some = np.flatnonzero(plan.neutral(max(ks), 0).reference)
    at = alarms.Times(plan.rows.recording[some], plan.rows.t0[some], plan.rows.t1[some] - plan.rows.t0[some])
    found = alarms.stretches(at)
    people = plan.rows.participant[some][found.order]
    return {str(name): float(found.new_seconds[people == name].sum()) for name in np.unique(people)}


def sample_size(numbers: dict[Key, list[Number]]) -> Iterator[dict[str, Any]]:
    """How sure other numbers of people would make."""
    keys = list(numbers)
    alone = {number.metric: number.values for number in numbers[keys[0]]}
    for key in keys:
        for number in numbers[key]:
            if number.values is None:
                continue
            rows = [("value", number.values, natural_scale(number.metric))]
            if key != keys[0]:
                rows.append(("difference", number.values - alone[number.metric], "as it is"))
            for what, values, scale in rows:
                for row in sample_size_rows(values, scale, difference=what == "difference"):
                    yield {**named(key), "metric": number.metric, "what": what, **row}
