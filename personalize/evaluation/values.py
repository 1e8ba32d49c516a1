"""A metric's value, or why there is none; and the reasons that many metrics share."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Value(NamedTuple):
    """A metric's value, or None and why it is undefined."""

    value: float | None
    reason: str | None = None


def varies(values: Float[np.ndarray, "n"]) -> bool:
    """Whether the values differ by more than rounding."""
    return bool(np.ptp(values) > 1e-10 * max(1.0, float(np.abs(values).max())))


def constant(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"] | None = None) -> str | None:
    """Why nothing can be correlated: too few units, or a constant; a prediction is looked at if given."""
    if len(truth) < 2:
        return "fewer than two units"
    if not varies(truth):
        return "constant truth"
    return None if prediction is None or varies(prediction) else "constant prediction"


def one_class(truth: Float[np.ndarray, "n"]) -> str | None:
    """Why classes cannot be told apart."""
    if len(truth) == 0:
        return "no units"
    return f"all {len(truth)} units of one class" if np.ptp(truth) == 0 else None
