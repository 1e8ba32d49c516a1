"""Small problems to adapt to: people whose labels are an offset away from what their features say."""

import numpy as np

from personalize.cohorts.joining import Rows
from personalize.cohorts.kinds import TargetKind
from personalize.protocols.problem import Problem


def table_world(people=6, units=12, width=3, classes=0, ordered=True, seed=0) -> Problem:
    """A recording each; `classes` > 0 makes labels of that many classes, in turn."""
    rng = np.random.default_rng(seed)
    n = people * units
    person = np.repeat([f"sub-{i:02d}" for i in range(people)], units)
    t0 = np.tile(np.arange(units, dtype=float), people)
    x = rng.normal(size=(n, width))
    if classes:
        y = np.tile(np.arange(units) % classes, people).astype(float)
        x[:, 0] += y
    else:
        y = x[:, 0] + np.repeat(rng.normal(size=people), units) + 0.1 * rng.normal(size=n)
    rows = Rows(
        x=x,
        participant=person,
        recording=person,
        sequence=np.zeros(n, int),
        track=np.zeros(n, int),
        t0=t0,
        t1=t0 + 1,
        y=y,
        weight=np.ones(n),
        valid=np.ones(n, bool),
    )
    kind = TargetKind("class", tuple("abcdef"[:classes])) if classes else TargetKind("number")
    return Problem(rows, kind, ordered, tuple(f"x{i}" for i in range(width)))
