"""Columns of a table of predictions."""

from typing import Any

import numpy as np
from jaxtyping import Float

from personalize.adaptation.base import Prediction
from personalize.protocols.units import Units


def unit_columns(units: Units, truth: Float[np.ndarray, "n"], prediction: Prediction) -> dict[str, Any]:
    """What was tested, and what was predicted of it."""
    return {
        "participant": units.participant,
        "recording": units.recording,
        "track": units.track,
        "onset": units.t0,
        "seconds": units.t1 - units.t0,  # rows, as the onset, in a table without time
        "truth": truth,
        "prediction": prediction.value,
        "se": prediction.se,
    }


def answer_columns(
    classes: tuple[str, ...], truth: Float[np.ndarray, "n"], prediction: Prediction, cut: float
) -> dict[str, Any]:
    """truth_class, a probability `p_*` of each class, prediction_class; none for numbers.

    Of two classes `prediction` becomes the probability of the second, and `cut` says from where on that one is called.
    """
    if prediction.probability is None:
        return {}
    columns: dict[str, Any] = {"truth_class": [classes[int(code)] for code in truth]}
    columns |= {f"p_{name}": prediction.probability[:, code] for code, name in enumerate(classes)}
    called = prediction.value
    if len(classes) == 2:
        columns |= {"prediction": prediction.probability[:, 1], "cut": cut}
        called = (columns["prediction"] >= cut).astype(float)
    return {**columns, "prediction_class": [classes[int(code)] for code in called]}
