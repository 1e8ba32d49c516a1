"""The names of the adaptations: a feature step that needs no label, a personal step that does, or both."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float, Shaped

from personalize.adaptation.ridge import Ridge
from personalize.adaptation.simple import NoAdaptation, ParticipantPrior
from personalize.heads.ridge import RidgeHead
from pretrain.errors import UserError, nearest


class Adaptation(Protocol):
    """How a population model becomes the model of one person or of many at once."""

    participants_: frozenset[str]
    prior_participants_: frozenset[str]

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: RidgeHead,
    ) -> "Adaptation":
        """Learns from the training people how people differ."""
        ...

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Shaped[np.ndarray, "n"],
        *,
        start: RidgeHead,
    ) -> "Adaptation":
        """Adapts to the people in `groups`."""
        ...

    def predict(self, X: Float[np.ndarray, "n d"], groups: Shaped[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Each person's own prediction, the population's for people unknown."""
        ...


class Parts(NamedTuple):
    """An adaptation's name taken apart."""

    referenced: bool
    """Whether features are differences to the neutral reference of their recording."""
    personal: str
    """Name in `PERSONAL`."""


PERSONAL: dict[str, Callable[[int], Adaptation]] = {
    "none": lambda components: NoAdaptation(),
    "ridge": lambda components: Ridge(components),
    "participant_prior": lambda components: ParticipantPrior(),
}
"""Makes a personal step, given how many directions it may use."""

NAMES = ("none", "participant_prior", "reference", "reference+ridge", "ridge")


def parts(name: str) -> Parts:
    """Takes a name such as `reference+ridge` apart; raises `UserError` for an unknown one.

    >>> parts("reference+ridge")
    Parts(referenced=True, personal='ridge')
    """
    if name not in NAMES:
        raise UserError(f"unknown adaptation {name!r}{nearest(name, NAMES)}")
    referenced = name.split("+")[0] == "reference"
    return Parts(referenced, name.removeprefix("reference").lstrip("+") or "none")


def takes_labels(name: str) -> bool:
    """Whether an adaptation uses labels of the person."""
    return parts(name).personal != "none"
