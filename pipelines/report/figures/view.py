"""A run as the figures see it: its population model and what adapts most, among those of which all is told."""

from typing import Any, NamedTuple

import pandas as pd

from pipelines.personalization.results import adaptations_of
from pipelines.report.read import PersonalRun
from pipelines.report.words import Key, key_of, label, marks, most_adapted


class View(NamedTuple):
    """Of one run."""

    name: str
    results: dict[str, Any]
    parts: dict[Key, pd.DataFrame]
    """Predictions of each adaptation."""
    population: Key
    adapted: Key
    """The same as `population` where nothing is adapted to a person."""
    threshold: float | None

    def label(self, key: Key) -> str:
        """A name with the words that it never goes without."""
        row = next((row for row in self.results["metrics"] if key_of(row) == key), None)
        return " ".join([label(key, system=False), *(marks(row) if row else [])])

    def both(self) -> dict[str, Key]:
        """Population model and most adapted, once if they are the same."""
        return {self.label(key): key for key in (self.population, self.adapted)}

    def row(self, key: Key, metric: str, pooling: str) -> dict[str, Any] | None:
        """A row of `metrics`."""
        wanted = (*key, metric, pooling)
        return next((r for r in self.results["metrics"] if (*key_of(r), r["metric"], r["pooling"]) == wanted), None)


def view_of(name: str, run: PersonalRun) -> View:
    """The view of a run."""
    parts = adaptations_of(run.predictions)
    population = next(key for key in parts if key[1] == "none")
    told = run.results.get("participants", {}).get("adaptations")
    keys = [key_of(each) for each in told] if told else list(parts)
    adapted = population if "population" in run.results else most_adapted(keys)
    return View(name, run.results, parts, population, adapted, run.config["threshold"])
