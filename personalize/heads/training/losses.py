"""What a network is trained on: tasks, each with labels of its own that may be missing, and terms on pairs of rows."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from annotated_types import Gt
from jaxtyping import Array, Float
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from personalize.heads.networks.stages import Positive

Weight = Annotated[float, Gt(0)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Task:
    """Some of the outputs and the labels that they are to equal.

    `mse`, `huber`: numbers, taken as they are. `bce`: yes or no, against log odds. `ce`: one column of class codes
    against log odds of `outputs` classes.
    """

    loss: Literal["mse", "huber", "bce", "ce"] = "mse"
    outputs: Positive = 1
    weight: Weight = 1.0
    """In the sum of all tasks, each of which is a mean over its labels that are there."""
    class_weight: Literal["balanced"] | tuple[Annotated[float, Gt(0)], ...] | None = None
    """Of the labels of each class; balanced: as if all classes were equally frequent among what is learnt from."""

    @property
    def columns(self) -> int:
        """Columns of labels."""
        return 1 if self.loss == "ce" else self.outputs


class Place(NamedTuple):
    """Where a task lies."""

    outputs: slice
    columns: slice


def places(tasks: Sequence[Task]) -> list[Place]:
    """Tasks lie one after the other among the outputs, and among the columns of labels."""
    found, outputs, columns = [], 0, 0
    for task in tasks:
        found.append(Place(slice(outputs, outputs + task.outputs), slice(columns, columns + task.columns)))
        outputs, columns = outputs + task.outputs, columns + task.columns
    return found


def sizes(tasks: Sequence[Task]) -> tuple[int, int]:
    """How many outputs and columns of labels all tasks have; one of each where there is no task, for pairs."""
    if not tasks:
        return 1, 1
    return sum(task.outputs for task in tasks), sum(task.columns for task in tasks)


def task_loss(
    tasks: Sequence[Task],
    values: Float[Array, "b votes outputs"],
    y: Float[Array, "b columns"],
    weight: Float[Array, "b columns"],
) -> Float[Array, ""]:
    """Weighted sum of the tasks' weighted means over the labels, every vote counted by itself; weight 0: no label."""
    total = jnp.zeros(())
    for task, place in zip(tasks, places(tasks), strict=True):
        w = weight[:, place.columns]
        each = jax.vmap(lambda v, task=task, place=place: label_losses(task, v, y[:, place.columns]), 1)
        total += task.weight * weighted_mean(each(values[:, :, place.outputs]).mean(0), w)
    return total


def label_losses(
    task: Task, values: Float[Array, "b outputs"], y: Float[Array, "b columns"]
) -> Float[Array, "b columns"]:
    """The loss of every label."""
    match task.loss:
        case "mse":
            return (values - y) ** 2
        case "huber":
            return optax.huber_loss(values, y)
        case "bce":
            return optax.sigmoid_binary_cross_entropy(values, y)
        case "ce":
            return optax.softmax_cross_entropy_with_integer_labels(values, y[:, 0].astype("int32"))[:, None]


def weighted_mean(values: Float[Array, "*n"], weight: Float[Array, "*n"]) -> Float[Array, ""]:
    """0 where nothing has weight."""
    return (weight * values).sum() / jnp.maximum(weight.sum(), 1e-9)
