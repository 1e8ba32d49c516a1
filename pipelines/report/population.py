"""The report's part on a new population: rungs by number of people labelled, and the shift page."""

from typing import Any

from personalize.evaluation.rows import primary_pooling
from pipelines.population.text import cell, grid_of
from pipelines.report import figures
from pipelines.report.summary import Comparison, PersonalRun, label, shown

LIMITS = {"value": ("value", "low", "high"), "difference": ("difference", "difference_low", "difference_high")}


def is_population(run: PersonalRun) -> bool:
    """Whether a run climbed the ladder of a new population."""
    return "population" in run.results


def against_zero_shot(run: PersonalRun) -> list[Comparison]:
    """Every rung at every number of labelled people against zero-shot."""
    rows, system, found = run.results["comparisons"], run.results["metrics"][0]["system"], []
    for name in dict.fromkeys(row["a"]["adaptation"] for row in rows):
        own = [row for row in rows if row["a"]["adaptation"] == name]
        primary = primary_pooling(own)
        best = {row["metric"]: row for row in own if row["pooling"] == primary[row["metric"]]}
        found.append(Comparison(label((system, name, 0)), label((system, "none", 0)), best))
    return found


def section(run: PersonalRun) -> dict[str, Any]:
    """What the page shows of a run."""
    results, metrics = run.results, shown([run])
    tables = []
    for metric, name in [*metrics.items()][:2]:
        rows = [row for row in results["population"] if row["metric"] == metric]
        for what, limits in LIMITS.items():
            kept = [row for row in rows if what == "value" or (row["rung"], row["labelled"]) != ("none", 0)]
            if kept:
                sizes, lines = grid_of(kept, *limits)
                tables.append((name if what == "value" else f"{name[:-2]}, difference to zero-shot", sizes, lines))
    shift = results["shift"]
    people = sorted(shift["participants"].items(), key=lambda item: -item[1]["distance"])
    expected = [row for row in shift["expected"] if row["width"] is not None]
    return {
        "name": results["metrics"][0]["system"],
        "cohorts": (results["metrics"][0]["train_cohort"], results["metrics"][0]["cohort"]),
        "counts": results["counts"],
        "tables": tables,
        "shift": shift,
        "people": people,
        "separation": cell(shift["separation"], *LIMITS["value"]),
        "expected": expected,
    }


def ladder_figure(run: PersonalRun) -> bytes:
    """The first metric by number of people labelled."""
    metric, name = next(iter(shown([run]).items()))
    rows = [row for row in run.results["population"] if row["metric"] == metric]
    return figures.ladder_curve(rows, name)
