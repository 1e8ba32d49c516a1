"""What was called what: classes, or the event at the cut that the training people chose."""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from personalize.cohorts.columns import floats, texts
from pipelines.report.figures.events import event_from
from pipelines.report.figures.style import INK, panels, png, styled
from pipelines.report.figures.view import View

MOST = 10
"""Classes; of more nothing could be read."""


def entry(view: View) -> dict[str, Any] | None:
    """Population model and most adapted; None for numbers without a threshold."""
    tables = {name: _called(view.parts[key], view) for name, key in view.both().items()}
    if any(table is None for table in tables.values()):
        return None
    names, cut = next(table[2:] for table in tables.values() if table)
    if not 1 < len(names) <= MOST:
        return None
    panels_ = [
        {"name": name, "counts": _counts(view.parts[view.both()[name]], *table[:2], names).tolist()}
        for name, table in tables.items()
        if table
    ]
    said = "; ".join(
        f"{each['name']}: "
        + ", ".join(
            f"{seen} called {called} {each['counts'][i][j]:.0f}"
            for i, seen in enumerate(names)
            for j, called in enumerate(names)
        )
        for each in panels_
    )
    return {
        "title": "What was called what",
        "caption": f"Units by what they were rated (rows) and called (columns), all people together, {cut}. In "
        "brackets the share of the row; draws of labels are averaged.",
        "alt": f"Confusion matrix. {said}." if len(names) <= 4 else f"Confusion matrix of {len(names)} classes.",
        "data": {"classes": names, "panels": panels_},
    }


def _called(table: pd.DataFrame, view: View) -> tuple[np.ndarray, np.ndarray, list[str], str] | None:
    """Truth and call as names, all names in order, and by which cut."""
    if "truth_class" in table.columns:
        cut = "at the cut that the training people chose" if "cut" in table.columns else "by the likeliest class"
        classes = [str(name) for name in view.results["target"]["classes"]]
        return texts(table, "truth_class"), texts(table, "prediction_class"), classes, cut
    since = event_from(view)
    if since is None:
        return None
    names = np.array([f"below {since:g}", f"{since:g} or more"])
    call, cut = floats(table, "prediction") >= since, "at the threshold"
    if {"event_probability", "event_cut"} <= set(table.columns):
        chance, limit = floats(table, "event_probability"), floats(table, "event_cut")
        if np.isfinite(chance).all() and np.isfinite(limit).all():
            call, cut = chance >= limit, "at the cut of the probability that the training people chose"
    truth = floats(table, "truth") >= since
    return names[truth.astype(int)], names[call.astype(int)], names.tolist(), cut


def _counts(table: pd.DataFrame, truth: np.ndarray, call: np.ndarray, names: list[str]) -> Float[np.ndarray, "c c"]:
    """Units of one draw, on average."""
    place = {name: i for i, name in enumerate(names)}
    cells = [place[t] * len(names) + place[c] for t, c in zip(truth.tolist(), call.tolist(), strict=True)]
    draws = table["seed"].nunique() if "seed" in table.columns else 1
    return np.bincount(cells, minlength=len(names) ** 2).reshape(len(names), -1) / draws


def draw(data: dict[str, Any]) -> bytes:
    """A matrix for each system."""
    names, count = data["classes"], len(data["panels"])
    with styled():
        figure, axes = panels(1.6 + 0.5 * max(len(names), 3), 2)
        for place in axes[count:]:
            place.set_axis_off()
        for place, panel in zip(axes, data["panels"], strict=False):
            cells = np.array(panel["counts"])
            share = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-12)
            place.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for (i, j), each in np.ndenumerate(cells):
                colour = "white" if share[i, j] > 0.6 else INK
                size = 9 if len(names) <= 5 else 6
                place.text(j, i, f"{each:.0f}\n({share[i, j]:.0%})", ha="center", va="center", color=colour, size=size)
            short = [name if len(name) <= 14 else name[:13] + "…" for name in names]
            place.set_xticks(range(len(names)), short, rotation=30 if len(names) > 3 else 0)
            place.set_yticks(range(len(names)), short)
            place.set(xlabel="called", ylabel="rated", title=panel["name"])
        return png(figure)
