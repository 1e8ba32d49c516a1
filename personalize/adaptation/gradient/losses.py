"""The loss of every row."""

from typing import Literal

import optax
from jaxtyping import Array, Float

Kind = Literal["number", "class"]
HUBER = 1.0
"""Errors beyond this many standard deviations of the training people's labels count linearly (Huber 1964)."""


def row_losses(kind: Kind, outputs: Float[Array, "n c"], y: Float[Array, "n"]) -> Float[Array, "n"]:
    """Huber loss of standardised numbers, cross-entropy of class codes against logits."""
    if kind == "number":
        return optax.huber_loss(outputs[:, 0], y, delta=HUBER)
    return optax.softmax_cross_entropy_with_integer_labels(outputs, y.astype("int32"))
