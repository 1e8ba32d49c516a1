"""Predictions by adaptation, with what of them is an event; and rows of which there is nothing to say."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.cohorts.columns import floats
from personalize.evaluation.baselines import BASELINES
from personalize.evaluation.people import People
from personalize.evaluation.rows import people_of
from personalize.protocols.plan import Plan
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.results import About, Key, by_system

MOST = 6
"""Adaptations beside `none` of which all this is told."""
BEFORE, AFTER = "event_probability", "event_recalibrated"
NUMBER = dict.fromkeys(("value", "low", "high", "interval"))


class Parts(NamedTuple):
    """Predictions of the adaptations, and what of them is an event."""

    tables: dict[Key, pd.DataFrame]
    """`none` first."""
    pspi: pd.DataFrame | None
    """Those of the baseline, where the features are action units."""
    events: dict[tuple[Key, str], list[People] | str]
    """By adaptation and column (`BEFORE`, `AFTER`): truth 0 or 1, its probability, and the cut, by participant and draw
    by draw; or why they cannot be had.
    """
    name: str | None
    """Of the event."""
    since: float | None
    """Truth from here on is an event; None without one."""
    reason: str
    """Why there is none."""
    kind: str
    """As `evaluation.targets` has it."""
    threshold: float | None
    timed: bool
    """Whether times are seconds."""


def parts_of(predictions: pd.DataFrame, plan: Plan, inputs: Inputs, about: About) -> Parts:
    """`none` and the first `MOST` other adaptations, no baselines."""
    every = by_system(predictions)
    tables = dict([(key, part) for key, part in every.items() if key[1] not in BASELINES][: MOST + 1])
    pspi = next((part for key, part in every.items() if key[1] == "pspi"), None)
    classes, name, since = plan.problem.kind.classes, None, about.threshold
    if len(classes) == 2:
        name, since = f"{inputs.target} is {classes[1]}", 1.0
    elif since is not None:
        name = f"{inputs.target} >= {since:g}"
    reason = f"no event among {len(classes)} classes" if classes else "no threshold in the config"
    events = {
        (key, column): reason if since is None else _events(table, column, since)
        for key, table in tables.items()
        for column in (BEFORE, AFTER)
    }
    timed = inputs.described["joined"] == "seconds"
    return Parts(tables, pspi, events, name, since, reason, about.kind, about.threshold, timed)


def _events(table: pd.DataFrame, column: str, since: float) -> list[People] | str:
    lost = int((~np.isfinite(floats(table, column))).sum())
    if lost and np.isfinite(floats(table, BEFORE)).all():
        what = "the training people's events are all or none, or told apart without an error"
        return f"not recalibrated in {lost} of {len(table)} units: {what}"
    if lost:
        return f"no probability in {lost} of {len(table)} units: no standard error of the prediction"
    event = (floats(table, "truth") >= since).astype(float)
    frame = {"truth": event, "prediction": table[column], "cut": table["event_cut"]}
    return people_of(pd.DataFrame({name: table[name] for name in ("participant", "seed")} | frame))


def bare_names(names: np.ndarray, plan: Plan) -> np.ndarray:
    """Names as the cohort of the people tested has them."""
    external = plan.problem.external
    if external is None:
        return names
    return np.array([str(name).removeprefix(f"{external.test}/") for name in names.tolist()])


def null(reason: str, **place: Any) -> dict[str, Any]:
    """A row without a number."""
    return {**place, **NUMBER, "n_participants": 0, "n_units": 0, "reason": reason}
