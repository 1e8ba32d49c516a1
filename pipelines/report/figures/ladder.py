"""A new population: a metric by number of its people labelled, for every rung; all begin with zero-shot."""

from typing import Any

from pipelines.report.figures.style import MUTED, panels, png, series, styled
from pipelines.report.numbers import interval_text
from pipelines.report.summary import shown
from pipelines.report.words import head, metric_name


def entry(name: str, results: dict[str, Any]) -> dict[str, Any] | None:
    """From the entry `population`; None without one, or where the metric is undefined everywhere."""
    metric = shown(results)[0]
    keys = ("rung", "labelled", "value", "low", "high")
    rows = [
        {key: row[key] for key in keys}
        for row in results.get("population", [])
        if row["metric"] == metric and row["value"] is not None
    ]
    if not rows:
        return None
    said = "; ".join(f"{r['rung']}, {r['labelled']} people labelled {interval_text(r)}" for r in rows)
    return {
        "title": f"New population, by people labelled: {name}",
        "caption": f"{head(metric)} with the 95 % interval over test people; mean over draws of who is labelled. The "
        "band is zero-shot: nobody labelled.",
        "alt": f"Curves of {metric_name(metric)} over the number of people labelled: {said}.",
        "data": {"metric": metric, "rows": rows},
    }


def draw(data: dict[str, Any]) -> bytes:
    """A curve for each rung."""
    rows = data["rows"]
    zero = [row for row in rows if row["rung"] == "none"]
    rungs = list(dict.fromkeys(row["rung"] for row in rows if row["labelled"]))
    with styled():
        figure, (axes,) = panels(3.4)
        for row in zero:
            axes.axhspan(row["low"], row["high"], color=MUTED, alpha=0.12, lw=0)
            axes.axhline(row["value"], color=MUTED, lw=1.0, ls="--", label="zero-shot")
        for number, rung in enumerate(rungs):
            own = zero + [row for row in rows if row["rung"] == rung]
            at = [row["labelled"] + (number - len(rungs) / 2) * 0.08 * bool(row["labelled"]) for row in own]
            reach = [[r["value"] - r["low"] for r in own], [r["high"] - r["value"] for r in own]]
            value = [r["value"] for r in own]
            axes.errorbar(at, value, reach, lw=1.4, ms=4, elinewidth=0.7, label=rung, **series(number))
        axes.set(xlabel="people of the new population labelled", ylabel=head(data["metric"]))
        axes.legend()
        return png(figure)
