"""The shift page: how far the new people's features lie from the known ones', and how sure more test people would make.

No label enters the distances. The expected intervals are from how much the people tested differ from each other.
"""

from typing import Any

import numpy as np
import pandas as pd

from personalize.cohorts.development import COLUMN
from personalize.evaluation.jackknife import natural_scale
from personalize.evaluation.people import person_values
from personalize.evaluation.rows import people_of
from personalize.evaluation.shift import expected_intervals, farther, person_distances, separation, subgroups
from personalize.evaluation.targets import Target
from personalize.protocols.plan import Plan, finite_rows
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.shown import SHOWN
from pipelines.population.results import ZERO_SHOT, Key, cells_of, in_draws


def shift_page(plan: Plan, inputs: Inputs, table: pd.DataFrame) -> dict[str, Any]:
    """Distances by participant and subgroup, how well the populations can be told apart, and expected intervals."""
    external = plan.problem.external
    assert external is not None
    good = finite_rows(plan.rows.x)
    of = {name: good & (plan.row_units.cohort == name) for name in (external.train, external.test)}
    (known, of_known), (new, of_new) = ((plan.rows.x[rows], plan.rows.participant[rows]) for rows in of.values())
    usual, found = person_distances(known, of_known, new, of_new)
    names = [str(name).removeprefix(f"{external.test}/") for name in np.unique(of_new)]
    apart = {name.removeprefix(f"{external.test}/") for name in plan.problem.apart}
    people = {
        name: {
            "role": "development" if name in apart else "test",
            "distance": float(distance),
            "share_of_training_people_as_far": farther(float(distance), usual),
        }
        for name, distance in zip(names, found, strict=True)
    }
    groups = {"everybody": names, **subgroups(inputs.participants, (COLUMN,))}
    by_group = [_group(group, [people[n] for n in own if n in people], usual) for group, own in groups.items()]
    quantiles = np.quantile(usual, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist()
    return {
        "training": {
            "participants": len(usual),
            **dict(zip(("least", "q1", "median", "q3", "most"), quantiles, strict=True)),
        },
        "participants": people,
        "groups": [row for row in by_group if row],
        "separation": separation(known, of_known, new, of_new, plan.config.seed),
        "expected": expected_rows(table, plan),
    }


def _group(name: str, people: list[dict[str, Any]], usual: np.ndarray) -> dict[str, Any] | None:
    if not people:
        return None
    distance = np.array([row["distance"] for row in people])
    return {
        "group": name,
        "participants": len(people),
        "median": float(np.median(distance)),
        "over_training_median": float(np.median(distance) / np.median(usual)),
        "beyond_all_training_people": int((distance > usual.max()).sum()),
    }


def expected_rows(table: pd.DataFrame, plan: Plan) -> list[dict[str, Any]]:
    """How wide the 95 % interval of the first metric would be with other numbers of test people, for every cell.

    Of the cell's own number, and of its paired difference to zero-shot. A mean over the people who have the metric.
    """
    kind = plan.problem.metric_kind()
    target = Target(kind, None if plan.problem.kind.name == "class" else plan.config.threshold)
    cells, metric = cells_of(table), SHOWN[kind][0]
    most = {rung: max(size for r, size in cells if r == rung) for rung, _ in cells}
    found = []
    for key in [(rung, size) for rung, size in cells if size == most[rung]]:
        values, changes = _values(cells, key, metric, target)
        rows = [("value", values, natural_scale(metric))]
        rows += [("difference", changes, "as it is")] if key != ZERO_SHOT else []
        for what, of, scale in rows:
            kept = of[~np.isnan(of)]
            spread = float(kept.std(ddof=1)) if len(kept) > 1 else None
            about = {"rung": key[0], "labelled": key[1], "metric": metric, "of": what, "between_people": spread}
            found += [{**about, **row} for row in expected_intervals(of, scale)]
    return found


def _values(cells: dict[Key, pd.DataFrame], key: Key, metric: str, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Everybody's metric and its change from zero-shot, mean over draws."""
    part = cells[key]
    own = np.mean([person_values(metric, people, target)[0] for people in people_of(part)], axis=0)
    alone = people_of(in_draws(cells[ZERO_SHOT], part))
    return own, own - np.mean([person_values(metric, people, target)[0] for people in alone], axis=0)
