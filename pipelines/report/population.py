"""The report's part on a new population: rungs by number of people labelled, and the shift page."""

from typing import Any

from pipelines.report.content import MOST_PEOPLE
from pipelines.report.summary import shown
from pipelines.report.words import head, metric_name

LIMITS = {"value": ("value", "low", "high"), "difference": ("difference", "difference_low", "difference_high")}
TABLES = 2
"""So many metrics have tables."""


def ladders(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What the page shows of each run that climbed the ladder of a new population."""
    runs = [run for run in report["runs"] if "population" in run["results"]]
    return [{"anchor": f"ladder-{i}", **_ladder(run["name"], run["results"])} for i, run in enumerate(runs)]


def _ladder(name: str, results: dict[str, Any]) -> dict[str, Any]:
    shift = results["shift"]
    people = sorted(shift["participants"].items(), key=lambda item: -item[1]["distance"])
    return {
        "name": name,
        "first": results["metrics"][0],
        "counts": results["counts"],
        "tables": [
            _table(results["population"], metric, what) for metric in shown(results)[:TABLES] for what in LIMITS
        ],
        "shift": shift,
        "people": people[:MOST_PEOPLE],
        "expected": [row for row in shift["expected"] if row["width"] is not None],
    }


def _table(rows: list[dict[str, Any]], metric: str, what: str) -> dict[str, Any]:
    """Rows of a metric, or of its difference to zero-shot, by rung and by how many people were labelled."""
    zero = ("none", 0)
    kept = [r for r in rows if r["metric"] == metric and (what == "value" or (r["rung"], r["labelled"]) != zero)]
    lines: dict[str, dict[int, dict[str, Any]]] = {}
    for row in kept:
        lines.setdefault(row["rung"], {})[row["labelled"]] = row
    sizes = {int(row["labelled"]): row["labelled"] for row in kept}
    title = head(metric) if what == "value" else f"{metric_name(metric)}, difference to zero-shot"
    return {
        "title": title,
        "sizes": [sizes[size] for size in sorted(sizes)],
        "lines": lines,
        "ends": LIMITS[what],
        "sign": what == "difference",
    }
