"""The k-curve: a metric over the number of labels of the person."""

from typing import Any

from pipelines.personalization.text import primary_rows
from pipelines.report.figures.style import MUTED, panels, png, series, styled
from pipelines.report.figures.view import View
from pipelines.report.numbers import interval_text
from pipelines.report.summary import shown
from pipelines.report.words import head, key_of, label, marks, metric_name


def entry(view: View) -> dict[str, Any] | None:
    """Adaptations that were made with several k, and those without labels as a level; None without the former."""
    metric = shown(view.results)[0]
    rows = [r for r in primary_rows(view.results["metrics"]) if r["metric"] == metric and key_of(r) in view.parts]
    curves: dict[str, list[dict[str, Any]]] = {}
    for row in (row for row in rows if row["value"] is not None):
        name = label((row["system"], row["adaptation"], 0), system=False)
        point = {key: row[key] for key in ("k", "value", "low", "high")}
        curves.setdefault(" ".join([name, *marks(row)]), []).append(point)
    curves = {name: sorted(points, key=lambda p: p["k"]) for name, points in curves.items()}
    if not any(len(points) > 1 for points in curves.values()):
        return None
    said = "; ".join(
        f"{name}: " + ", ".join(f"k = {p['k']} {interval_text(p)}" for p in points) for name, points in curves.items()
    )
    per = " of each class" if view.results["target"]["kind"] == "class" else ""
    return {
        "title": f"How many labels: {metric_name(metric)} over k",
        "caption": f"{head(metric)} with k labels{per} of the person, with the 95 % interval over people; all are "
        "tested on the same units. What takes no label is a level.",
        "alt": f"Curves of {metric_name(metric)} over the number of labels: {said}.",
        "data": {"metric": metric, "per": per, "curves": [{"name": n, "points": p} for n, p in curves.items()]},
    }


def draw(data: dict[str, Any]) -> bytes:
    """Curves, and levels for what takes no labels."""
    ks = sorted({p["k"] for curve in data["curves"] for p in curve["points"]})
    with styled():
        figure, (axes,) = panels(3.8)
        for number, curve in enumerate(data["curves"]):
            points, look = curve["points"], series(number)
            if len(points) == 1 and points[0]["k"] == 0:
                axes.axhline(points[0]["value"], label=curve["name"], lw=1.2, color=look["color"], ls=look["linestyle"])
                continue
            value = [p["value"] for p in points]
            reach = [[p["value"] - p["low"] for p in points], [p["high"] - p["value"] for p in points]]
            at = [ks.index(p["k"]) + 0.05 * (number - len(data["curves"]) / 2) for p in points]
            axes.errorbar(at, value, reach, lw=1.4, ms=5, elinewidth=0.9, capsize=2, label=curve["name"], **look)
        axes.set_xticks(range(len(ks)), [str(k) for k in ks])
        axes.set_xlabel(f"labels of the person, k{data['per']}")
        axes.set_ylabel(head(data["metric"]))
        axes.grid(axis="y", color=MUTED, alpha=0.2, lw=0.6)
        figure.legend(loc="outside upper center", ncol=3)
        return png(figure)
