"""ROC and precision-recall curves of the event, all units together."""

from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from personalize.cohorts.columns import floats
from personalize.evaluation.statistics import POOLINGS
from pipelines.report.figures.style import MUTED, panels, png, series, styled
from pipelines.report.figures.view import View
from pipelines.report.numbers import interval_text
from pipelines.report.words import key_of

POINTS = 200
"""Of a curve, at most."""


def entry(view: View) -> dict[str, Any] | None:
    """Population model and most adapted; None where the target has no event, or units of one side only."""
    since = event_from(view)
    if since is None:
        return None
    event = floats(view.parts[view.population], "truth") >= since
    if not 0 < event.mean() < 1:
        return None
    curves = [_curve(view, key, name, since) for name, key in view.both().items()]
    said = "; ".join(
        f"{c['name']}: AUROC {_said(c['auroc'])}, area under the precision-recall curve {_said(c['auprc'])}"
        for c in curves
    )
    return {
        "title": "Telling the event from the rest: ROC and precision-recall",
        "caption": f"The event is a rating from {since:g} on; all units together (areas with 95 % intervals over "
        f"people: {said}). The dot is the cut in use, chosen on training people: each fold has its own, so it need not "
        f"lie on the curve. Dashed lines are guessing, on the right the share of events here ({event.mean():.0%}).",
        "alt": f"ROC and precision-recall curves. {said}. Share of events {event.mean():.2f}.",
        "data": {"prevalence": float(event.mean()), "curves": curves},
    }


def event_from(view: View) -> float | None:
    """From which truth on a unit is an event; None without one."""
    kind = view.results["target"]["metrics"]
    return 1.0 if kind == "probability" else None if kind == "class" else view.threshold


def _said(row: dict[str, Any] | None) -> str:
    return "not in this run" if row is None else interval_text(row)


def _curve(view: View, key: Any, name: str, since: float) -> dict[str, Any]:
    table = view.parts[key]
    event, score = (floats(table, "truth") >= since).astype(int), floats(table, "prediction")
    false, true, _ = roc_curve(event, score)
    precision, recall, _ = precision_recall_curve(event, score)
    areas = {metric: view.row(key, metric, POOLINGS[1]) for metric in ("auroc", "auprc")}
    sides = {row["metric"]: row["value"] for row in view.results.get("prevalence", []) if key_of(row) == key}
    at = {side: sides.get(side) for side in ("sensitivity", "specificity")}
    return {
        "name": name,
        "false": _thin(false),
        "true": _thin(true),
        "recall": _thin(recall),
        "precision": _thin(precision),
        "in_use": None if None in at.values() else at,
        **{metric: row and {k: row[k] for k in ("value", "low", "high")} for metric, row in areas.items()},
    }


def _thin(values: np.ndarray) -> list[float]:
    return values[np.unique(np.linspace(0, len(values) - 1, POINTS).astype(int))].tolist()


def draw(data: dict[str, Any]) -> bytes:
    """Both curves side by side."""
    with styled():
        figure, (left, right) = panels(4.7, 2)
        left.plot([0, 1], [0, 1], ls="--", color=MUTED, lw=0.8)
        right.axhline(data["prevalence"], ls="--", color=MUTED, lw=0.8)
        for number, curve in enumerate(data["curves"]):
            look = series(number)
            line = {"color": look["color"], "ls": look["linestyle"], "lw": 1.6}
            left.plot(curve["false"], curve["true"], label=curve["name"], **line)
            right.plot(curve["recall"], curve["precision"], **line)
            if at := curve["in_use"]:
                dot = {"color": look["color"], "marker": look["marker"], "ms": 7}
                left.plot(1 - at["specificity"], at["sensitivity"], **dot)
        left.set(xlabel="1 − specificity (false alarms)", ylabel="sensitivity (events found)", title="ROC")
        right.set(xlabel="recall (events found)", ylabel="precision (alarms that are right)", title="Precision-recall")
        for axes in (left, right):
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        figure.legend(loc="outside upper center", ncol=2)
        return png(figure)
