"""Which metrics are printed and compared, by what the target is."""

SHOWN = {
    "numeric": ("mae", "ccc", "pcc", "auroc"),
    "ordinal": ("mae", "kappa_quadratic", "accuracy", "auroc"),
    "probability": ("accuracy", "balanced_accuracy", "auroc", "brier"),
    "class": ("accuracy", "balanced_accuracy", "f1_macro"),
}
"""Metrics of the tables, and those that `results.json` has all intervals of; by the kind of `evaluation.targets`."""
COMPARED = {kind: (*names, *(("f1_macro",) if "f1_macro" not in names else ())) for kind, names in SHOWN.items()}
"""Metrics of the paired differences."""
ERROR = {"numeric": "mae", "ordinal": "mae", "probability": "accuracy", "class": "accuracy"}
"""By which a person is called harmed; accuracy as the share of wrong classes."""
