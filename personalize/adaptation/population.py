"""A population taken for one person: adapted from another one's model by any of the adaptations to people.

How far the labels may pull, which for a person is learned from other people, is here learned from the labelled people
themselves: each part of them is predicted by what the others teach. Where they do not gain more than a standard error
over these parts, the model stays as it was.
"""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from personalize.adaptation.base import Adaptation, Prediction
from personalize.adaptation.personal import make_adaptation
from personalize.protocols.units import Units

PARTS = 5
"""Into which the labelled people are dealt, unless they are fewer."""
NAME = "new population"


def adapted_population(
    name: str,
    kind: str,
    X: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n"],
    units: Units,
    *,
    start: Any,
    components: int = 8,
) -> Adaptation:
    """The adaptation of `name` fitted to the labelled people of `units`, none of whom `start` has seen."""
    model = make_adaptation(name, kind, components=components)
    _, code = np.unique(units.participant, return_inverse=True)
    count = min(PARTS, int(code.max()) + 1)
    row, part = np.tile(np.arange(len(y)), count), np.repeat(np.arange(count), len(y))
    asked = code[row] % count == part
    model.learn_prior(
        X[row],
        y[row],
        np.array([f"part {number}" for number in part.tolist()]),
        calibration=~asked,
        test=asked,
        start=unseen(start, X[row]),
    )
    return model.fit(X, y, replace(units, participant=_named(len(y))), start=start)


def predict_population(model: Adaptation, X: Float[np.ndarray, "n d"]) -> Prediction:
    """Of people of the new population."""
    return model.predict(X, _named(len(X)))


def unseen(head: Any, X: Float[np.ndarray, "n d"]) -> Any:
    """The population model with rows that it has not seen in the stead of its training rows without their person."""
    found = copy.copy(head)
    found.left_out_ = head.predict(X)
    if hasattr(head, "space_"):
        found.left_out_z_, found.left_out_means_ = head.project(X), head.space_.means[None]
        found.fold_ = np.zeros(len(X), int)
    return found


def _named(size: int) -> Shaped[np.ndarray, "n"]:
    return np.full(size, NAME)
