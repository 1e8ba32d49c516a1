"""What one fit is given: its rows in order, what it holds back, weights of labels, units of the rows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped

from personalize.adaptation.gradient.jobs import evenly
from personalize.heads.gaussian import class_codes
from personalize.heads.indexed import Indexed
from personalize.heads.training.held_back import held_back
from personalize.heads.training.losses import Task, places
from personalize.heads.training.schedule import Pool, Training, schedule
from personalize.protocols.units import Units
from pretrain.errors import UserError

MOST_VALIDATED = 1024
"""Rows that are looked at to compare checkpoints, evenly spread over those held back."""
Some = Shaped[np.ndarray, "n ..."] | Indexed


class Job(NamedTuple):
    """One fit."""

    schedule: Int[np.ndarray, "steps batch"]
    per_epoch: float
    """Steps of an epoch."""
    learn: Int[np.ndarray, "k"]
    held: Int[np.ndarray, "v"]
    """Rows learnt from, and held back to compare checkpoints."""
    weight: Float[np.ndarray, "n columns"]
    """Of every label, 0 for one that is missing or belongs to other people."""
    mean: Float[np.ndarray, "d"]
    scale: Float[np.ndarray, "d"]


def make_job(
    tasks: Sequence[Task],
    training: Training,
    seed: int,
    X: Some,
    y: Float[np.ndarray, "n columns"],
    units: Units,
    own: Int[np.ndarray, "k"],
    axes: int,
    sample_weight: Float[np.ndarray, "n"] | None,
) -> Job:
    """The fit of the rows `own`; `axes` is how many axes a row of X has."""
    learn, held = (own[mask] for mask in held_back(units.take(own), training.validate_on, training.share, seed))
    if training.undersample:
        learn = learn[np.isfinite(y[learn, 0])]  # who has no first label belongs to no class
    weight = np.zeros(y.shape, np.float32)
    weight[own] = np.isfinite(y[own]) * (1.0 if sample_weight is None else sample_weight[own, None])
    for task, place in zip(tasks, places(tasks), strict=True):
        for column in range(place.columns.start, place.columns.stop):
            weight[:, column] *= _class_weight(task, y[:, column], learn)
    pool = Pool(learn, units.participant[learn], y[learn, 0])
    mean, scale = units_of(X, learn, axes)
    steps, per_epoch = schedule(pool, training, seed)
    return Job(steps, per_epoch, learn, evenly(held, MOST_VALIDATED) if len(held) else held, weight, mean, scale)


def units_of(X: Some, learn: Int[np.ndarray, "k"], axes: int) -> tuple[Float[np.ndarray, "d"], Float[np.ndarray, "d"]]:
    """What is taken away from rows, and what they are divided by.

    Pixels are divided by 255. Features are standardised one by one; of rows with three axes and more (pictures that
    are not pixels any more) all numbers together.
    """
    pool, rows = (X.pool, np.unique(X.index[learn])) if isinstance(X, Indexed) else (X, learn)
    if pool.dtype == np.uint8:
        return np.zeros(1, np.float32), np.full(1, 255, np.float32)
    some = pool[rows].astype(float)
    some = some.reshape(-1, some.shape[-1] if axes < 3 else 1)
    mean, spread = some.mean(axis=0), some.std(axis=0)
    scale = np.where(spread > 1e-12 * np.maximum(1.0, np.abs(mean)), spread, 1.0)
    return mean.astype(np.float32), scale.astype(np.float32)


def checkpoints(jobs: Sequence[Job], checks: int) -> Int[np.ndarray, "m checks every batch"]:
    """The steps of all fits, cut at their checkpoints; -1 where one has fewer than another."""
    every = [-(-len(job.schedule) // checks) for job in jobs]
    count = max(-(-len(job.schedule) // size) for job, size in zip(jobs, every, strict=True))
    out = np.full((len(jobs), count, max(every), jobs[0].schedule.shape[1]), -1, np.int32)
    for one, job, size in zip(out, jobs, every, strict=True):
        for check, first in zip(one, range(0, len(job.schedule), size), strict=False):
            some = job.schedule[first : first + size]
            check[: len(some)] = some
    return out


def padded(rows: Sequence[Int[np.ndarray, "..."]]) -> Int[np.ndarray, "m most"]:
    """Rows of all fits side by side, -1 where one has fewer than another."""
    out = np.full((len(rows), max(map(len, rows))), -1, np.int32)
    for one, some in zip(out, rows, strict=True):
        one[: len(some)] = some
    return out


def check_labels(tasks: Sequence[Task], y: Float[np.ndarray, "n columns"]) -> None:
    """Raises `UserError` where the columns are not those of the tasks, or a class has no such code."""
    columns = places(tasks)[-1].columns.stop if tasks else 1
    if y.shape[1] != columns:
        raise UserError(f"{y.shape[1]} columns of labels for tasks with {columns}")
    for task, place in zip(tasks, places(tasks), strict=True):
        some = y[:, place.columns]
        known = some[np.isfinite(some)]
        if task.loss in ("ce", "bce"):
            class_codes(known, task.outputs if task.loss == "ce" else 2)
        elif task.class_weight is not None:
            raise UserError(f"a task of loss {task.loss!r} has no classes: set class_weight to None")


def _class_weight(task: Task, y: Float[np.ndarray, "n"], learn: Int[np.ndarray, "k"]) -> np.ndarray:
    """The weight of every label for its class; 1 where classes are not weighted."""
    if task.class_weight is None:
        return np.ones(len(y), np.float32)
    count = task.outputs if task.loss == "ce" else 2
    codes = np.nan_to_num(y).astype(int)
    if task.class_weight != "balanced":
        if len(task.class_weight) != count:
            raise UserError(f"class_weight has {len(task.class_weight)} numbers for {count} classes")
        return np.array(task.class_weight, np.float32)[codes]
    known = codes[learn][np.isfinite(y[learn])]
    of_class = np.maximum(np.bincount(known, minlength=count), 1)
    return (len(known) / (count * of_class)).astype(np.float32)[codes]
