"""One cohort after the other: two systems measured afresh on people drawn from a pool, and the verdict on them.

System `better` is personal, from labels of the person's first recording, by a poor meter; system `than` is the same for
everybody, by a meter whose noise is set so that the two differ on the whole pool by 0, delta or 2 delta.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy.optimize

from personalize.evaluation.claims import UNDEFINED, ClaimConfig, ClaimSide, answer, signed, verdict
from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import People
from personalize.evaluation.statistics import difference
from personalize.evaluation.targets import Target
from personalize.signals.meter import Meter
from scripts.claims.meters import Reading, fit, labelled, measure, personal
from scripts.claims.streams import Streams, chosen

QUESTION = Path(__file__).parent / "cells.json"
NOISIEST, SETTING, CHECKING = 4.0, 4, 24
"""Noise at which the search for a meter ends; and on how many measurements of the pool it is set, and then checked."""


class Scene(NamedTuple):
    """A scenario's people with everything that stays fixed; arrays have a value for each unit."""

    people: Streams
    given: np.ndarray
    """Whose label the personal system gets."""
    reading: Reading
    better: Meter
    threshold: float


def read_question(file: Path = QUESTION) -> dict[str, Any]:
    """What was fixed before the first run."""
    return json.loads(file.read_text())


def claim_of(asked: Mapping[str, Any]) -> ClaimConfig:
    """A claim of the question."""
    return ClaimConfig(
        says="a personal system reads better than one for all",
        metric=asked["metric"],
        direction=asked["direction"],
        delta=asked["delta"],
        better=ClaimSide("calibrate", 5, "personal"),
        than=ClaimSide("none", system="for all"),
        pooling=asked["pooling"],
    )


def scene(question: Mapping[str, Any], scenario: str, others: Streams, pool: Streams) -> Scene:
    """Fits the reading to other people than those of the pool."""
    about, meter = question["scenarios"][scenario], Meter(**question["meter"])
    reading = fit(others, meter, about["top"], np.random.default_rng(question["people"]["reading_seed"]))
    given = labelled(pool, question["people"]["labels"])
    used = given | pool.later
    people = Streams(*(column[used] for column in pool))
    return Scene(people, given[used], reading, meter._replace(noise=about["better_noise"]), about["threshold"])


def some(at: Scene, numbers: np.ndarray) -> Scene:
    """The scene with some of its people."""
    given = chosen(at.people._replace(later=at.given), numbers).later  # the only other column of its kind
    return at._replace(people=chosen(at.people, numbers), given=given)


def predictions(at: Scene, than: Meter, rng: np.random.Generator) -> tuple[People, People]:
    """The later recordings of everybody, as both systems predict them, measured afresh."""
    people, top = at.people, at.reading.top
    both = (
        personal(at.reading(measure(people, at.better, rng)), people, at.given, top),
        at.reading(measure(people, than, rng)),
    )
    units, names = people.later, np.arange(people.person[-1] + 1)
    a, b = (People(people.truth[units], each[units], people.person[units], names) for each in both)
    return a, b


def decide(claim: ClaimConfig, pair: tuple[People, People], threshold: float) -> dict[str, Any]:
    """Estimate, low, high and verdict: those of `claims.answer`, without the tests of no difference that take its time.

    A test compares the two.
    """
    found = bounded(difference(claim.metric, *pair, Target("numeric", threshold), claim.pooling))
    row = signed(claim, {**found, "difference": found["value"]})
    return {**row, "verdict": UNDEFINED if row["estimate"] is None else verdict(**row, delta=claim.delta)}


def decide_plainly(claim: ClaimConfig, pair: tuple[People, People], threshold: float) -> dict[str, Any]:
    """The same from tables of predictions, as a run does it."""
    tables = []
    for units in pair:
        table = {"participant": units.code.astype(str), "onset": np.arange(len(units.code)), "truth": units.truth}
        tables.append(pd.DataFrame({**table, "prediction": units.prediction}))
    row = answer(claim, *tables, threshold=threshold)
    return {key: row[key] for key in ("estimate", "low", "high", "verdict")}


def true_differences(claim: ClaimConfig, at: Scene, than: Meter, seeds: range) -> np.ndarray:
    """The signed difference on everybody in each of several measurements of them."""
    found = []
    for seed in seeds:
        pair = predictions(at, than, np.random.default_rng([seed, 1]))
        value = difference(claim.metric, *pair, Target("numeric", at.threshold), claim.pooling).value
        assert value is not None
        found.append(-value if claim.direction == "lower" else value)
    return np.array(found)


def set_meter(claim: ClaimConfig, at: Scene, meter: Meter, wanted: float) -> dict[str, float]:
    """The noise of `than` at which the pool differs by what is wanted, and the difference on new measurements.

    Keys: noise, difference, error (of the difference, over measurements; the people are the whole population).
    """

    def off(noise: float) -> float:
        return float(true_differences(claim, at, meter._replace(noise=noise), range(SETTING)).mean()) - wanted

    noise = float(scipy.optimize.brentq(off, 0.0, NOISIEST, xtol=1e-3))  # pyright: ignore[reportArgumentType]
    checked = true_differences(claim, at, meter._replace(noise=noise), range(SETTING, SETTING + CHECKING))
    return {"noise": noise, "difference": float(checked.mean()), "error": float(checked.std(ddof=1) / CHECKING**0.5)}


def simulate(
    claim: ClaimConfig, at: Scene, than: Meter, participants: int, cohorts: int, seed: list[int], true: float
) -> dict[str, Any]:
    """Verdicts on so many cohorts of people drawn from the pool, each person once in a cohort.

    Keys: verdicts (name -> count), held (intervals that hold the true difference), mean and sd of the estimates.
    """
    rows = []
    for number in range(cohorts):
        rng = np.random.default_rng([*seed, number])
        numbers = rng.choice(at.people.person[-1] + 1, participants, replace=False)
        rows.append(decide(claim, predictions(some(at, numbers), than, rng), at.threshold))
    defined = [row for row in rows if row["estimate"] is not None]
    estimates = [row["estimate"] for row in defined]
    return {
        "verdicts": dict(Counter(row["verdict"] for row in rows)),
        "held": sum(row["low"] <= true <= row["high"] for row in defined),
        "mean": float(np.mean(estimates)),
        "sd": float(np.std(estimates, ddof=1)),
    }
