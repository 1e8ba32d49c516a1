"""Figures of the report, drawn without a display and returned as PNG bytes."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from personalize.cohorts.columns import floats, texts
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.evaluation.predictive import person_errors
from pipelines.report.summary import Comparison

INK, MUTED, GOOD, BAD, NEUTRAL, SECOND = "#1d2733", "#8a94a3", "#1b7f5c", "#b3402e", "#6b7686", "#c98a1b"
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.hashsalt": "wince",
}


def forest(comparisons: Sequence[Comparison], metric: str, name: str) -> bytes:
    """Paired differences with their intervals; the shaded side of zero is the better one."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 0.9 + 0.34 * len(comparisons)), layout="constrained")
        axes = figure.subplots()
        shown = [c for c in comparisons if c.by_metric[metric]["difference"] is not None]
        for y, c in enumerate(reversed(shown)):
            row = c.by_metric[metric]
            colour = {"better": GOOD, "worse": BAD}.get(c.verdict(metric), NEUTRAL)
            axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=2, solid_capstyle="round")
            axes.plot(row["difference"], y, "o", color=colour, ms=5)
        axes.set_yticks(range(len(shown)), [f"{c.a}\n− {c.b}" for c in reversed(shown)], fontsize=7)
        axes.set_ylim(-0.7, len(shown) - 0.3)
        axes.axvline(0, color=INK, lw=0.8)
        low, high = axes.get_xlim()
        better = (low, 0) if metric in LOWER_IS_BETTER else (0, high)
        axes.axvspan(*better, color=GOOD, alpha=0.06, lw=0)
        axes.set_xlim(low, high)
        axes.set_xlabel(f"difference in {name[:-2]} (shaded: better)")
        return _png(figure)


def per_person(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str], kind: str = "numeric") -> bytes:
    """Error of every held-out person before and after adaptation, largest gain first.

    The mean absolute error, for classes the share of wrong ones.
    """
    old, new = _error(before, kind), _error(after, kind)
    people = sorted(old, key=lambda person: new[person] - old[person], reverse=True)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 0.9 + 0.2 * len(people)), layout="constrained")
        axes = figure.subplots()
        rows = np.arange(len(people))
        for y, person in enumerate(people):
            colour = GOOD if new[person] < old[person] else BAD
            axes.plot([old[person], new[person]], [y, y], color=colour, lw=1.6, alpha=0.7)
        axes.plot([old[p] for p in people], rows, "o", color="white", mec=INK, ms=5, label=names[0])
        axes.plot([new[p] for p in people], rows, "o", color=INK, ms=5, label=names[1])
        axes.set_yticks(rows, people, fontsize=7)
        what = "share of wrong classes" if kind in ("class", "probability") else "mean absolute error"
        axes.set_xlabel(f"{what} on the person's test units")
        axes.set_xlim(left=0)
        axes.legend(
            frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 1.0 + 1.1 / len(people)), ncol=2
        )
        return _png(figure)


def _error(predictions: pd.DataFrame, kind: str = "numeric") -> dict[str, float]:
    names = np.unique(texts(predictions, "participant")).tolist()
    return dict(zip(names, person_errors(predictions, kind).tolist(), strict=True))


def time_courses(before: pd.DataFrame, after: pd.DataFrame, names: tuple[str, str]) -> bytes:
    """Rated and predicted pain over time for the people with the largest, middle and smallest gain."""
    old, new = _error(before), _error(after)
    ordered = sorted(old, key=lambda person: old[person] - new[person], reverse=True)
    people = [ordered[i] for i in dict.fromkeys((0, len(ordered) // 2, len(ordered) - 1))]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 1.5 * len(people) + 0.5), layout="constrained")
        axes = figure.subplots(len(people), 1, sharex=True, squeeze=False)[:, 0]
        for axis, person in zip(axes, people, strict=True):
            a, b = (_first_recording(p, person) for p in (before, after))
            axis.step(floats(a, "onset"), floats(a, "truth"), where="post", color=MUTED, lw=2.5, label="rated")
            axis.plot(floats(a, "onset"), floats(a, "prediction"), color=SECOND, lw=1.2, ls="--", label=names[0])
            axis.plot(floats(b, "onset"), floats(b, "prediction"), color=INK, lw=1.4, label=names[1])
            axis.set_title(f"{person}: error {old[person]:.2f} → {new[person]:.2f}", fontsize=8, loc="left")
            axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
        axes[-1].set_xlabel("seconds")
        axes[0].legend(frameon=False, fontsize=8, ncol=3, loc="lower right", bbox_to_anchor=(1, 1.0))
        return _png(figure)


def _first_recording(predictions: pd.DataFrame, person: str) -> pd.DataFrame:
    theirs = predictions.loc[predictions["participant"] == person]
    first = theirs.loc[theirs["recording"] == sorted(set(texts(theirs, "recording")))[0]]
    return first.sort_values(by="onset")


def checkpoint_curve(rows: Sequence[dict[str, Any]], name: str, chosen: int | None) -> bytes:
    """A metric over pretraining steps, with its interval, for every adaptation that `rows` has."""
    colours = (INK, SECOND, GOOD, BAD, NEUTRAL)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 3.0), layout="constrained")
        axes = figure.subplots()
        for number, key in enumerate(dict.fromkeys((row["adaptation"], row["k"]) for row in rows)):
            own = [row for row in rows if (row["adaptation"], row["k"]) == key and row["value"] is not None]
            steps, colour = [row["step"] for row in own], colours[number % len(colours)]
            axes.fill_between(
                steps, [row["low"] for row in own], [row["high"] for row in own], color=colour, alpha=0.12, lw=0
            )
            label = f"{key[0]}, k = {key[1]}" if key[1] else key[0]
            axes.plot(steps, [row["value"] for row in own], "o-", color=colour, lw=1.4, ms=4, label=label)
        if chosen is not None:
            axes.axvline(chosen, color=MUTED, lw=0.8, ls="--", label=f"chosen: step {chosen}")
        axes.set_xlabel("pretraining step")
        axes.set_ylabel(name)
        axes.legend(frameon=False, fontsize=7)
        return _png(figure)


def ladder_curve(rows: Sequence[dict[str, Any]], name: str) -> bytes:
    """A metric by number of people labelled, with its interval, for every rung; all begin with zero-shot."""
    colours = (INK, SECOND, GOOD, BAD, NEUTRAL)
    zero = [row for row in rows if row["rung"] == "none" and row["value"] is not None]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 3.2), layout="constrained")
        axes = figure.subplots()
        for row in zero:
            axes.axhspan(row["low"], row["high"], color=MUTED, alpha=0.12, lw=0)
            axes.axhline(row["value"], color=MUTED, lw=1.0, ls="--", label="zero-shot")
        rungs = dict.fromkeys(row["rung"] for row in rows if row["labelled"])
        for number, rung in enumerate(rungs):
            own = zero + [row for row in rows if row["rung"] == rung and row["value"] is not None]
            sizes = [row["labelled"] + (number - len(rungs) / 2) * 0.08 * bool(row["labelled"]) for row in own]
            reach = [[r["value"] - r["low"] for r in own], [r["high"] - r["value"] for r in own]]
            colour = colours[number % len(colours)]
            axes.errorbar(
                sizes,
                [r["value"] for r in own],
                reach,
                fmt="o-",
                color=colour,
                lw=1.4,
                ms=4,
                elinewidth=0.7,
                label=rung,
            )
        axes.set_xlabel("people of the new population labelled")
        axes.set_ylabel(name)
        axes.legend(frameon=False, fontsize=7)
        return _png(figure)


def training_curves(metrics: Sequence[dict[str, Any]]) -> bytes:
    """Losses and gauges of a pretraining run over its steps."""
    probes = sorted({k for m in metrics for k in m if k.startswith("eval/probe_") and k.endswith("_pcc")})[:1]
    panels = {
        "objectives": [k for k in ("loss", "pairwise", "contrastive", "masked") if any(k in m for m in metrics)],
        "what features know": ["eval/ridge_measures", "eval/knn_same_track", "eval/within_track_share", *probes],
        "effective rank": ["eval/effective_rank"],
    }
    names = {
        "eval/ridge_measures": "expression measures (ridge PCC)",
        "eval/knn_same_track": "same track (5-NN)",
        "eval/within_track_share": "variance within tracks",
        "eval/effective_rank": "effective rank",
        **{
            key: f"{key.removeprefix('eval/probe_').removesuffix('_pcc')} of development people (PCC)" for key in probes
        },
    }
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 2.5), layout="constrained")
        for axis, (title, keys) in zip(figure.subplots(1, 3), panels.items(), strict=True):
            for key, colour in zip(keys, (INK, SECOND, GOOD, BAD), strict=False):
                points = [(m["step"], m[key]) for m in metrics if m.get(key) is not None]
                if points:
                    axis.plot(*zip(*points, strict=True), color=colour, lw=1.4, label=names.get(key, key))
            axis.set_title(title, fontsize=9, loc="left")
            axis.set_xlabel("step")
            if len(keys) > 1:
                axis.legend(frameon=False, fontsize=7)
        return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()
