"""What the numbers of a target mean, and which view of them each metric takes.

A metric never asks what kind of target it is given. It works on one of four views of (truth, prediction):

- `numbers`: both as they are;
- `codes`: both rounded to whole levels or class codes;
- `cut`: both 0 or 1, truth from the threshold on, prediction from the cut on;
- `events`: truth 0 or 1, prediction as it is (a score, or a probability).

| metrics | class | ordinal | numeric | probability |
|---|---|---|---|---|
| accuracy, balanced_accuracy, f1_macro, f1_micro | codes | codes | cut | cut |
| sensitivity, specificity, ppv, npv | cut | cut | cut | cut |
| auroc, auprc | – | events | events | events |
| c_index | – | numbers | numbers | events |
| kappa_quadratic | – | codes | codes | – |
| mse, mae, mae_by_level, pcc, ccc, icc21, icc31 | – | numbers | numbers | – |
| calibration_intercept, calibration_slope | – | – | numbers | events |
| brier, brier_scaled, ece | – | – | – | events |
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pretrain.errors import UserError, nearest


class Target(NamedTuple):
    """What is predicted.

    `kind` is class (codes without order), ordinal (codes with one), numeric, or probability (truth 0 or 1, prediction
    the probability of 1). Truth at or above `threshold` is an event; None leaves what needs one undefined, and is
    never needed for probabilities.
    """

    kind: str = "numeric"
    threshold: float | None = None


_CALLS = ("accuracy", "balanced_accuracy", "f1_macro", "f1_micro")
_SIDES = ("sensitivity", "specificity", "ppv", "npv")
_RANKS = ("auroc", "auprc")
_NUMBERS = ("mse", "mae", "mae_by_level", "pcc", "ccc", "icc21", "icc31")
_CALIBRATION = ("calibration_intercept", "calibration_slope")
_PROBABILITY = ("brier", "brier_scaled", "ece")


def _table(**metrics_by_view: tuple[str, ...]) -> dict[str, str]:
    return {metric: view for view, metrics in metrics_by_view.items() for metric in metrics}


VIEWS: dict[str, dict[str, str]] = {
    "class": _table(codes=_CALLS, cut=_SIDES),
    "ordinal": _table(codes=(*_CALLS, "kappa_quadratic"), cut=_SIDES, events=_RANKS, numbers=("c_index", *_NUMBERS)),
    "numeric": _table(
        cut=(*_CALLS, *_SIDES),
        events=_RANKS,
        codes=("kappa_quadratic",),
        numbers=("c_index", *_NUMBERS, *_CALIBRATION),
    ),
    "probability": _table(cut=(*_CALLS, *_SIDES), events=(*_RANKS, "c_index", *_CALIBRATION, *_PROBABILITY)),
}
"""The table above: kind -> metric -> view; a metric that a kind lacks is not defined for it."""


def as_target(target: Target | float | None) -> Target:
    """A bare number is the threshold of a numeric target."""
    return target if isinstance(target, Target) else Target("numeric", target)


def check_target(target: Target, truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> None:
    """Raises `UserError` for an unknown kind, and for truths and predictions that are not of theirs."""
    if target.kind not in VIEWS:
        raise UserError(f"unknown kind of target {target.kind!r}{nearest(target.kind, VIEWS)}")
    if not (np.isfinite(truth).all() and np.isfinite(prediction).all()):
        raise UserError("truth and prediction must be finite numbers")
    if target.kind == "probability":
        if not np.isin(truth, (0.0, 1.0)).all():
            raise UserError("the truth of a probability must be 0 or 1")
        if len(prediction) and not (prediction.min() >= 0 and prediction.max() <= 1):
            raise UserError("a predicted probability must lie between 0 and 1")
    if target.kind in ("class", "ordinal") and (truth != np.rint(truth)).any():
        raise UserError(f"the truth of a target of kind {target.kind} must be whole numbers: its class codes")


def view(
    metric: str,
    truth: Float[np.ndarray, "n"],
    prediction: Float[np.ndarray, "n"],
    target: Target,
    cut: Float[np.ndarray, "n"] | None,
) -> tuple[np.ndarray, np.ndarray] | str:
    """Truth and prediction as the metric wants them, or why they cannot be had.

    `cut`, one for each unit, is where a prediction begins to count as an event, chosen on the training data of that
    unit's fold; without it, the threshold (one half for probabilities).
    """
    name = VIEWS[target.kind].get(metric)
    if name is None:
        return f"not defined for a target of kind {target.kind}"
    if name == "numbers":
        return truth, prediction
    if name == "codes":
        return np.rint(truth), np.rint(prediction)
    threshold = 0.5 if target.kind == "probability" else target.threshold
    if threshold is None:
        return "no threshold in the config"
    event = (truth >= threshold).astype(float)
    if name == "events":
        return event, prediction
    return event, (prediction >= (threshold if cut is None else cut)).astype(float)
