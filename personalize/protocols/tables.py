"""Columns of a table of predictions that say which class was meant and which was called."""

from typing import Any

import numpy as np
from jaxtyping import Float

from personalize.adaptation.base import Prediction


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
