"""Small worlds for tests of evaluation, one for each kind of target."""

import numpy as np

from personalize.evaluation.people import by_people
from personalize.evaluation.targets import Target


def world(people=7, seed=0, noise=1.0):
    """Truth, prediction with ties, and participant, of people of unequal size."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 15, people)
    participant = np.repeat([f"sub-{i:02d}" for i in range(people)], sizes)
    truth = np.repeat(4 + rng.normal(size=people), sizes) + rng.normal(size=sizes.sum())
    prediction = np.round(truth + noise * rng.normal(size=sizes.sum()) + 1000, 1) - 1000
    return truth, prediction, participant


def world_of(kind, seed=0, cut=False):
    """The people of `world` with a target of a kind, and the target; `cut` gives every unit one of its own."""
    truth, prediction, participant = world(6, seed)
    if kind == "class":
        truth, prediction, target = np.clip(np.rint(truth), 3, 5), np.clip(np.rint(prediction), 3, 5), Target(kind, 4.0)
    elif kind == "ordinal":
        truth, target = np.clip(np.rint(truth), 2, 6), Target(kind, 4.0)
    elif kind == "numeric":
        target = Target(kind, 4.2)
    else:
        truth, prediction = (truth > 4).astype(float), np.round(1 / (1 + np.exp(4 - prediction)), 2)
        target = Target(kind)
    middle = 0.5 if kind == "probability" else 4.0
    cuts = middle + np.random.default_rng(seed).normal(size=len(truth)) * 0.1 if cut else None
    return by_people(truth, prediction, participant, cuts), target
