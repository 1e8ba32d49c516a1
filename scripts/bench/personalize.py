"""What is timed of personalization: one function per part, each giving rows of the table."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from personalize.adaptation.ridge import Ridge
from personalize.evaluation.bootstrap import draw_counts, percentile_interval, pooled_replicates
from personalize.evaluation.people import by_people
from personalize.heads.ridge import RidgeHead

PEOPLE, LABELLED, TESTED, WIDTH = 1000, 20, 200, 384
DRAWS, FRAMES, RATED = 2000, 50_000, 50


class Row(NamedTuple):
    """What was timed; seconds, by the clock and by the processor; how many it may take, None where nothing is said."""

    what: str
    seconds: tuple[float, float]
    allowed: float | None


def seconds(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median of some runs, by the clock and by the processor; far apart where others keep the machine busy."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = np.median(found, axis=0)
    return float(clock), float(processor)


def ridge(repeats: int) -> Iterator[Row]:
    """Many people at once, and a new one, from features that are there."""
    rng = np.random.default_rng(0)
    person = np.array([f"sub-{i:04d}" for i in range(PEOPLE)])
    slope, level = rng.normal(size=WIDTH) / np.sqrt(WIDTH), rng.normal(size=PEOPLE)

    def rows(each: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        code = np.repeat(np.arange(PEOPLE), each)
        x = rng.normal(size=(len(code), WIDTH))
        return x, x @ slope + level[code] + rng.normal(size=len(code)), person[code]

    x, y, names = rows(LABELLED)
    asked, _, asked_names = rows(TESTED)
    place = np.tile(np.arange(LABELLED), PEOPLE)
    few = names < f"sub-{40:04d}"
    head = RidgeHead().fit(x[few], y[few], names[few], held_out=[])
    masks = {"calibration": place[few] < LABELLED // 2, "test": place[few] >= LABELLED // 2}
    model = Ridge().learn_prior(x[few], y[few], names[few], **masks, start=head)
    size = f"{PEOPLE} people × ({LABELLED} labelled + {TESTED} test rows) × {WIDTH} features"
    took = seconds(lambda: model.fit(x, y, names, start=head).predict(asked, asked_names), repeats)
    yield Row(f"ridge with intervals, {size}", took, 5.0)
    everybody = RidgeHead((0.1,)).fit(x, y, names, held_out=[])
    masks = {"calibration": place < LABELLED // 2, "test": place >= LABELLED // 2}
    took = seconds(lambda: Ridge().learn_prior(x, y, names, **masks, start=everybody), repeats)
    yield Row(f"its prior from {PEOPLE} training people × {LABELLED} rows", took, None)
    one = slice(0, LABELLED), slice(0, TESTED)

    def new() -> None:
        model.fit(x[one[0]], y[one[0]], names[one[0]], start=head).predict(asked[one[1]], asked_names[one[1]])

    yield Row("one new person from cached features", seconds(new, max(repeats, 20)), 1.0)


def bootstrap(repeats: int) -> Iterator[Row]:
    """Resamples of people for one interval of a pooled AUROC."""
    rng = np.random.default_rng(1)
    truth = (rng.random(FRAMES) < 0.3).astype(float)
    names = np.array([f"sub-{i:02d}" for i in range(RATED)])[rng.integers(RATED, size=FRAMES)]
    score = truth + rng.normal(size=FRAMES)

    def work() -> None:
        units = by_people(truth, score, names)
        counts = draw_counts(RATED, DRAWS, 0)
        percentile_interval(pooled_replicates("auroc", units, counts, 0.5))

    yield Row(
        f"{DRAWS} participant bootstraps of AUROC, {FRAMES} frames of {RATED} people", seconds(work, repeats), 5.0
    )


PARTS: tuple[Callable[[int], Iterator[Row]], ...] = (ridge, bootstrap)
"""Another part is another function here."""


def table(repeats: int) -> Iterator[str]:
    """The table, line by line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    yield f"{datetime.now(UTC):%d %B %Y}, {cores} cores ({platform.machine()}{load}), medians of {repeats}\n"
    yield "| | seconds | of processor time | allowed |\n|---|---|---|---|"
    for part in PARTS:
        for row in part(repeats):
            allowed = "" if row.allowed is None else f"< {row.allowed:g}"
            yield f"| {row.what} | {row.seconds[0]:.3g} | {row.seconds[1]:.3g} | {allowed} |"
