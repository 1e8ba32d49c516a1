"""Metrics of classes from scikit-learn: truth and prediction are class codes; for the sides of a cut, 0 or 1."""

import numpy as np
import sklearn.metrics as sk
from jaxtyping import Float

from personalize.evaluation.values import Value, one_class


def accuracy(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Share of units called rightly."""
    return Value(float(sk.accuracy_score(truth, prediction))) if len(truth) else Value(None, "no units")


def balanced_accuracy(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean recall over the classes of the truth; undefined with only one of them."""
    if reason := one_class(truth):
        return Value(None, reason)
    # recall_score, as balanced_accuracy_score warns of a predicted class that the truth lacks
    return Value(float(sk.recall_score(truth, prediction, labels=np.unique(truth), average="macro", zero_division=0.0)))  # pyright: ignore[reportArgumentType]


def f1_macro(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Mean F1 over the classes of truth or prediction; undefined when the truth holds only one."""
    if reason := one_class(truth):
        return Value(None, reason)
    return Value(float(sk.f1_score(truth, prediction, average="macro", zero_division=0.0)))  # pyright: ignore[reportArgumentType]


def f1_micro(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """F1 of all decisions together: equals accuracy where every unit has one class."""
    return Value(float(sk.f1_score(truth, prediction, average="micro"))) if len(truth) else Value(None, "no units")


def sensitivity(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Share of events that were called."""
    return _recall(truth, prediction, 1) if (truth == 1).any() else Value(None, "no event in the truth")


def specificity(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Share of non-events that were not called."""
    return _recall(truth, prediction, 0) if (truth == 0).any() else Value(None, "nothing but events in the truth")


def ppv(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Share of calls that were events, at the prevalence of these data."""
    return _recall(prediction, truth, 1) if (prediction == 1).any() else Value(None, "no event was called")


def npv(truth: Float[np.ndarray, "n"], prediction: Float[np.ndarray, "n"]) -> Value:
    """Share of what was not called that was no event, at the prevalence of these data."""
    return _recall(prediction, truth, 0) if (prediction == 0).any() else Value(None, "everything was called an event")


def _recall(truth: np.ndarray, prediction: np.ndarray, side: int) -> Value:
    """Precision is the recall of the truth from the prediction."""
    return Value(float(sk.recall_score(truth, prediction, pos_label=side, zero_division=0.0)))  # pyright: ignore[reportArgumentType]


CLASSES = {f.__name__: f for f in (accuracy, balanced_accuracy, f1_macro, f1_micro, sensitivity, specificity, ppv, npv)}
