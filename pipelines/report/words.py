"""What things are called for a reader who has not seen a config."""

from typing import Any

from personalize.adaptation.names import NAMES, parts
from personalize.evaluation.baselines import NO_FACE
from personalize.evaluation.metrics import LOWER_IS_BETTER

Key = tuple[str, str, int]
"""system, adaptation, k."""
METRICS = {
    "mae": "MAE",
    "ccc": "CCC",
    "pcc": "PCC",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "brier": "Brier score",
    "brier_scaled": "scaled Brier score",
    "f1_macro": "F1 (macro)",
    "kappa_quadratic": "quadratic κ",
    "ece": "ECE",
    "ppv": "PPV",
    "npv": "NPV",
}
MEANT = {
    "mae": "mean absolute error: how far predictions are from the ratings, in points of the scale",
    "ccc": "concordance: 1 is perfect agreement, 0 none",
    "pcc": "correlation: whether predictions rise and fall with the ratings, whatever their level",
    "auroc": "chance that a unit with the event is predicted higher than one without; 0.5 is guessing",
    "accuracy": "share of units called rightly",
    "balanced_accuracy": "mean over classes of the share called rightly",
    "f1_macro": "mean over classes of the harmonic mean of sensitivity and predictive value",
    "brier": "mean squared error of the predicted probability; 0 is perfect",
    "kappa_quadratic": "agreement of ordered levels beyond chance; 1 is perfect",
}
FEATURES = {
    "normalise": "standardised per person",
    "normalise_all": "standardised per person, transductive",
    "reference": "neutral reference",
}
PERSONAL = {
    "calibrate": "scale calibrated",
    "isotonic": "scale calibrated (isotonic)",
    "ordinal": "levels calibrated",
    "ridge": "personalised",
    "head": "own last layer",
    "lora": "low-rank fine-tuning",
    "full": "all of the head fine-tuned",
    "participant_prior": "own labels only, no face",
}
OTHERS = {
    "none": "population model",
    "majority": "mean or commonest class of other people",
    "elapsed_time": "nothing but the time",
    "pspi": "PSPI formula",
    "permuted_within": "population model of labels permuted within people",
    "permuted_across": "population model of labels permuted over people",
    "participant_oracle": "mean of the person's own test labels",
    "previous_label": "the label before",
}
EXPLAINED = {
    "population model": "learnt from other people only; nothing of the person is used",
    "neutral reference": "the face is compared with a neutral moment of the same person; no label of theirs is used",
    "personalised": "the model's offset, gain and a few directions are fitted to k labels of the person (ridge)",
    "own labels only, no face": "the mean of the person's k labels; what a model that sees the face has to beat",
    "LEAKY": "test and training share people: the number is too good",
    "ORACLE": "uses test labels: a bound, no system",
    "transductive": "uses the test units' features before predicting them",
    "order: none": "rows without time: labels are drawn at random, several times",
}
"""Of the words of the table."""


def metric_name(metric: str) -> str:
    """A metric without its arrow."""
    return METRICS.get(metric, metric.replace("_", " "))


def head(metric: str) -> str:
    """A metric with an arrow that says which way is better."""
    return f"{metric_name(metric)} {'↓' if metric in LOWER_IS_BETTER else '↑'}"


def adaptation_name(name: str) -> str:
    """An adaptation, baseline or rung.

    >>> adaptation_name("reference+ridge+guard")
    'neutral reference + personalised, guarded'
    """
    if name in OTHERS or name not in NAMES:
        return OTHERS.get(name, name)
    features, personal, guard = parts(name)
    some = [FEATURES.get(features, ""), PERSONAL.get(personal, "")]
    return " + ".join(word for word in some if word) + (", guarded" if guard else "")


def label(key: Key, *, system: bool = True) -> str:
    """What a row is called: features, adaptation, labels used."""
    of, adaptation, k = key
    name = adaptation_name(adaptation) + (f", k = {k}" if k else "")
    return name if adaptation in NO_FACE or not system else f"{of}: {name}"


def marks(row: dict[str, Any]) -> list[str]:
    """Words that no number of a row goes without."""
    words = {"LEAKY": row["leaky"], "ORACLE": row["oracle"]}
    words |= {word: word in row["protocol"] for word in ("order: none", "transductive")}
    return [word for word, holds in words.items() if holds]


def key_of(row: dict[str, Any]) -> Key:
    """By what a row's system is known."""
    return row["system"], row["adaptation"], row["k"]


def most_adapted(keys: list[Key]) -> Key:
    """The system with the most adaptation steps and labels."""
    return max((k for k in keys if k[1] not in NO_FACE), key=lambda k: (k[1].count("+"), k[2]))
