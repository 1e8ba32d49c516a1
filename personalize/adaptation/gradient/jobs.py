"""People's rows put into the arrays that are trained on, and what their errors are."""

import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from scipy.special import log_softmax

from personalize.adaptation.gradient.batches import held_back, padded_length, stacked
from personalize.adaptation.gradient.core import Rows
from personalize.adaptation.gradient.losses import Kind
from personalize.cohorts.identity import same_person_key


class Data(NamedTuple):
    """Rows of everybody."""

    inputs: Shaped[np.ndarray, "n ..."]
    """Standardised features, or clips."""
    targets: Float[np.ndarray, "n"]
    """Standardised numbers, or codes of classes."""
    population: Float[np.ndarray, "n c"]
    """What the population model says: a standardised number or logits; of training people without them."""
    before: Float[np.ndarray, "n c"]
    """What the network puts out at its start."""


class Room(NamedTuple):
    """How many rows of one person the arrays hold at least: the most of all folds, so that one program serves all."""

    given: int = 0
    asked: int = 0


class Job(NamedTuple):
    """One person's rows, by position."""

    person: str
    given: Int[np.ndarray, "k"]
    """Those whose labels are learnt from."""
    asked: Int[np.ndarray, "m"]
    """Those that are to be predicted meanwhile."""
    held: Bool[np.ndarray, "k"]
    """Which of those given tell when to stop."""


def job(person: str, given: Int[np.ndarray, "k"], asked: Int[np.ndarray, "m"], data: Data, seed: int) -> Job:
    """A job; its share to hold back is drawn by a seed of the person's own, so that nobody changes another's."""
    rng = np.random.default_rng([seed, zlib.crc32(same_person_key(person).encode())])
    return Job(person, given, asked, held_back(data.targets[given], rng))


def arrays(some: list[Job], jobs: list[Job], data: Data, people: int, room: Room) -> Rows:
    """Some of the jobs as arrays for so many people, whose lengths follow from all jobs and the room that there is."""
    given, asked = (max(len(getattr(one, part)) for one in jobs) for part in Room._fields)
    rows, wanted = padded_length(max(given, room.given)), padded_length(max(asked, room.asked)) if asked else 0

    def of(values: Shaped[np.ndarray, "n ..."]) -> Shaped[np.ndarray, "..."]:
        return stacked([values[one.given] for one in some], people, rows)

    return Rows(
        x=of(data.inputs),
        y=of(data.targets.astype(np.float32)),
        population=of(data.population.astype(np.float32)),
        before=of(data.before.astype(np.float32)),
        learn=stacked([~one.held for one in some], people, rows),
        held=stacked([one.held for one in some], people, rows),
        asked=stacked([data.inputs[one.asked] for one in some], people, wanted),
    )


def grid_errors(
    kind: Kind,
    one: Job,
    data: Data,
    outputs: Float[np.ndarray, "strengths checkpoints m c"],
    best: Int[np.ndarray, "strengths"],
) -> Float[np.ndarray, "a"]:
    """Mean error of a person's asked rows: of the population, then of every strength at every last step.

    Who has labels to tell when to stop does so at the checkpoint `best`, whatever the last step.
    """
    truth, population = data.targets[one.asked], data.population[one.asked]
    before = mean_error(kind, population, truth)
    now = population + outputs - data.before[one.asked]
    errors = np.array([[mean_error(kind, checkpoint, truth) for checkpoint in strength] for strength in now])
    if one.held.any():
        stopped = np.column_stack([np.full(len(errors), before), errors])
        errors[:] = np.take_along_axis(stopped, best[:, None] + 1, axis=1)
    return np.r_[before, errors.ravel()]


def mean_error(kind: Kind, outputs: Float[np.ndarray, "m c"], y: Float[np.ndarray, "m"]) -> float:
    """Mean squared error of numbers, mean log loss of classes."""
    if kind == "number":
        return float(((outputs[:, 0] - y) ** 2).mean())
    return float(-log_softmax(outputs, axis=1)[np.arange(len(y)), y.astype(int)].mean())


def evenly(rows: Int[np.ndarray, "n"], most: int) -> Int[np.ndarray, "m"]:
    """At most so many of the rows, evenly spread over them."""
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))]
