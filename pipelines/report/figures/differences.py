"""Paired differences with their intervals; the shaded side of zero is the better one."""

from collections.abc import Sequence
from typing import Any

from personalize.evaluation.metrics import LOWER_IS_BETTER
from pipelines.report.figures.style import BETTER, INK, MUTED, WORSE, panels, png, styled
from pipelines.report.numbers import interval_text
from pipelines.report.summary import verdict
from pipelines.report.words import metric_name

MOST = 12


def entry(found: Sequence[dict[str, Any]], metric: str) -> dict[str, Any] | None:
    """The first pairs that have the difference; None without any."""
    rows = [(pair, pair["by_metric"].get(metric)) for pair in found]
    kept = [(pair, row) for pair, row in rows if row is not None and row["difference"] is not None][:MOST]
    if not kept:
        return None
    name = metric_name(metric)
    said = "; ".join(
        f"{pair['a']} minus {pair['b']} {interval_text(row, 'difference', True)}, {verdict(row)}" for pair, row in kept
    )
    keys = ("difference", "low", "high")
    lines = [{"a": p["a"], "b": p["b"], "verdict": verdict(r), **{key: r[key] for key in keys}} for p, r in kept]
    return {
        "title": f"Paired differences in {name}",
        "caption": "First minus second on the same people and units, with the 95 % interval over people. The shaded "
        "side is the better one; an interval that crosses zero shows no difference.",
        "alt": f"Forest plot of differences in {name}: {said}.",
        "data": {"metric": metric, "rows": lines},
    }


def draw(data: dict[str, Any]) -> bytes:
    """The forest plot."""
    rows = list(reversed(data["rows"]))
    with styled():
        figure, (axes,) = panels(0.9 + 0.36 * len(rows))
        for y, row in enumerate(rows):
            colour = {"better": BETTER, "worse": WORSE}.get(row["verdict"], MUTED)
            axes.plot([row["low"], row["high"]], [y, y], color=colour, lw=2, solid_capstyle="round")
            axes.plot(row["difference"], y, "D" if row["verdict"] == "worse" else "o", color=colour, ms=5)
        axes.set_yticks(range(len(rows)), [f"{row['a']}\n− {row['b']}" for row in rows], fontsize=7)
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.axvline(0, color=INK, lw=0.8)
        low, high = axes.get_xlim()
        better = (low, 0) if data["metric"] in LOWER_IS_BETTER else (0, high)
        axes.axvspan(*better, color=BETTER, alpha=0.07, lw=0)
        axes.set_xlim(low, high)
        axes.set_xlabel(f"difference in {metric_name(data['metric'])} (shaded: better)")
        return png(figure)
