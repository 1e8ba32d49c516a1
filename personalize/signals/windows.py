"""Windows of equal length over a recording."""

import numpy as np
from jaxtyping import Float

from pretrain.errors import UserError

SLACK = 1e-6
"""Seconds by which times may be off by rounding."""


def window_starts(
    begin: float | int, end: float | int, length: float | int, step: float | int
) -> Float[np.ndarray, "w"]:
    """Where the whole windows of `length` within [begin, end) start, every `step` from `begin` on; all in seconds.

    Raises `UserError` for a length or step that is not above 0.
    """
    for name, value in (("length", length), ("step", step)):
        if not value > 0:
            raise UserError(f"windows: {name}={value} seconds; it must be above 0")
    count = int(np.floor((end - begin - length + SLACK) / step)) + 1
    return begin + step * np.arange(max(count, 0), dtype=float)
