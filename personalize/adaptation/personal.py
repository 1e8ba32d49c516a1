"""What every personal step can do, and the steps by name."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Shaped

from personalize.adaptation.ridge import Ridge
from personalize.adaptation.simple import NoAdaptation, ParticipantPrior
from personalize.heads.ridge import RidgeHead


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


PERSONAL: dict[str, Callable[[int], Adaptation]] = {
    "none": lambda components: NoAdaptation(),
    "ridge": lambda components: Ridge(components),
    "participant_prior": lambda components: ParticipantPrior(),
}
"""Makes a personal step, given how many directions it may use."""
