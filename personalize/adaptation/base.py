"""What every population model and every adaptation can do, and what they answer.

`groups` is an array of participants or a table of units, as `personalize.protocols.units.read_units` takes it. Targets
are numbers, or classes given by their codes 0, 1, ... as floats.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from personalize.protocols.seen import Seen


class Prediction(NamedTuple):
    """A prediction for each of n rows."""

    value: Float[np.ndarray, "n"]
    """Expected value of a number; code of the most probable class."""
    se: Float[np.ndarray, "n"]
    """Standard deviation of a new label about `value`, noise included; for classes that of whether the class is right,
    sqrt(p (1 - p)).
    """
    probability: Float[np.ndarray, "n c"] | None = None
    """Of each class; None for numbers."""

    def take(self, rows: Any) -> "Prediction":
        """The predictions at these positions, or where the mask is true."""
        probability = None if self.probability is None else self.probability[rows]
        return Prediction(self.value[rows], self.se[rows], probability)


@runtime_checkable
class Head(Protocol):
    """The population model: features to a prediction, the same for everybody.

    As in scikit-learn, parameters are set in the constructor only, what is learned ends in `_`, and `clone` holds.
    """

    if TYPE_CHECKING:  # there only once fitted, so that checks while running must not ask for them
        left_out_: Prediction
        """Each training row predicted by the fit without its participant."""
        participants_: frozenset[str]
        seen_: Seen

    def fit(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        held_out: Iterable[str],
        sample_weight: Float[np.ndarray, "n"] | None = None,
    ) -> "Head":
        """Fits on participants `groups`, none of whom may be among those `held_out` (`LeakError`)."""
        ...

    def predict(self, X: Float[np.ndarray, "n d"]) -> Prediction:
        """The same prediction for everybody."""
        ...


@runtime_checkable
class Adaptation(Protocol):
    """How a population model becomes the model of one person or of many at once; habits as of `Head`."""

    if TYPE_CHECKING:
        seen_: Seen
        """Whose units the prior and the fits have seen."""
        prior_participants_: frozenset[str]
        participants_: frozenset[str]
        """Who has a model of their own."""

    def learn_prior(
        self,
        X: Float[np.ndarray, "n d"],
        y: Float[np.ndarray, "n"],
        groups: Any,
        *,
        calibration: Bool[np.ndarray, "n"],
        test: Bool[np.ndarray, "n"],
        start: Head,
    ) -> "Adaptation":
        """Learns how people differ from the rows that `start` was fitted on, in their order.

        The masks say which of a training person's rows would calibrate and which would be tested.
        """
        ...

    def fit(self, X: Float[np.ndarray, "n d"], y: Float[np.ndarray, "n"], groups: Any, *, start: Head) -> "Adaptation":
        """Adapts to the people in `groups`, all at once; there may be none."""
        ...

    def predict(self, X: Float[np.ndarray, "n d"], groups: Any) -> Prediction:
        """Each person's own prediction, the population's for people unknown."""
        ...


def of_classes(probability: Float[np.ndarray, "n c"]) -> Prediction:
    """The prediction that these probabilities make; the first of equally probable classes."""
    best = probability.argmax(axis=1)
    p = probability[np.arange(len(best)), best]
    return Prediction(best.astype(float), np.sqrt(p * (1 - p)), probability)
