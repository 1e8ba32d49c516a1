"""One person over time: rated, predicted, and how sure the prediction is."""

from typing import Any

import numpy as np
import pandas as pd

from personalize.adaptation.reach import LEVELS
from personalize.cohorts.columns import floats, texts
from personalize.evaluation.predictive import person_errors, reach_of, within
from pipelines.report.figures.style import INK, MUTED, SERIES, panels, png, styled
from pipelines.report.figures.view import View

POINTS = 600
"""Units drawn, at most; what comes after them is left out."""


def entry(view: View) -> dict[str, Any] | None:
    """The person of median error under what adapts most; None for classes and for rows without an order."""
    joined = view.results.get("described", {}).get("joined", "seconds")
    rows = view.results["metrics"]
    if view.results["target"]["kind"] == "class" or joined == "none" or "order: none" in rows[0]["protocol"]:
        return None
    kind = view.results["target"]["metrics"]
    errors = person_errors(view.parts[view.adapted], kind)
    names = sorted(set(texts(view.parts[view.adapted], "participant").tolist()))
    middle = int(np.argsort(errors, kind="stable")[(len(names) - 1) // 2])
    person = names[middle]
    own, before = (_first_recording(view.parts[key], person) for key in (view.adapted, view.population))
    truth, prediction, se = (floats(own, column) for column in ("truth", "prediction", "se"))
    sure = bool(np.isfinite(se).all())
    held = [int(within(own, level).sum()) for level in LEVELS] if sure else [None, None]
    label, unit = view.label(view.adapted), "seconds" if joined == "seconds" else "row"
    bands = f" Of {len(own)} units {held[0]} lie in the 80 % band and {held[1]} in the 95 % band." if sure else ""
    known = "with its 80 % and 95 % predictive bands" if sure else "without a band, for no standard error is known"
    return {
        "title": "One person over time",
        "caption": f"{person}, the person of median error among {len(names)}, in their first test recording: rated, "
        f"and predicted by “{label}” {known}.{bands}",
        "alt": f"Ratings and predictions of {person} over {len(own)} units; mean absolute error {errors[middle]:.2f} "
        f"over all of their test units.{bands}",
        "data": {
            "unit": unit,
            "onset": floats(own, "onset").tolist(),
            "truth": truth.tolist(),
            "predictions": {
                view.label(view.population): floats(before, "prediction").tolist(),
                label: prediction.tolist(),
            },
            "bands": [(reach_of(own, level) * se).tolist() for level in LEVELS] if sure else None,
        },
    }


def _first_recording(predictions: pd.DataFrame, person: str) -> pd.DataFrame:
    theirs = predictions.loc[predictions["participant"] == person]
    theirs = theirs.loc[theirs["seed"] == theirs["seed"].min()]
    first = theirs.loc[theirs["recording"] == sorted(set(texts(theirs, "recording")))[0]]
    return first.sort_values(by="onset").head(POINTS)


def draw(data: dict[str, Any]) -> bytes:
    """The courses, what adapts most with its bands."""
    at, lines = np.array(data["onset"]), list(data["predictions"].items())
    with styled():
        figure, (axes,) = panels(3.4)
        name, adapted = lines[-1]
        if data["bands"] is not None:
            for level, reach, alpha in zip(reversed(LEVELS), reversed(data["bands"]), (0.12, 0.2), strict=True):
                low, high = np.array(adapted) - reach, np.array(adapted) + reach
                axes.fill_between(at, low, high, color=SERIES[2], alpha=alpha, lw=0, label=f"{level:.0%} band")
        axes.step(at, data["truth"], where="post", color=INK, lw=2, label="rated")
        for other, values in lines[:-1]:
            axes.plot(at, values, color=MUTED, lw=1.1, ls="--", label=other)
        axes.plot(at, adapted, color=SERIES[2], lw=1.5, label=name)
        axes.set(xlabel=data["unit"], ylabel="rating")
        figure.legend(loc="outside upper center", ncol=3)
        return png(figure)
