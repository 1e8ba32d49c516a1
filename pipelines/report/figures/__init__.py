"""The figures: what each shows is first written down as an entry of `report.json`, and then drawn from that alone.

An entry has the keys name, title, caption, alt (what is seen, in words) and data.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipelines.report.figures import (
    confusion,
    course,
    decision,
    differences,
    events,
    labels,
    ladder,
    people,
    reliability,
    steps,
)
from pipelines.report.figures.view import View
from pipelines.report.summary import shown

DRAW: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "differences": differences.draw,
    "per_person": people.draw,
    "labels": labels.draw,
    "events": events.draw,
    "confusion": confusion.draw,
    "reliability": reliability.draw,
    "decision": decision.draw,
    "checkpoints": steps.draw_checkpoints,
    "course": course.draw,
    "ladder": ladder.draw,
    "training": steps.draw_training,
}
"""By kind, which is the first word of a figure's name."""
OF_RUN = {"per_person": people, "labels": labels, "events": events, "confusion": confusion,
          "reliability": reliability, "decision": decision, "course": course}  # fmt: skip


def entries(view: View, pairs: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those of a run, in the order of the page; what a run has not is left out."""
    if (found := differences.entry(pairs, shown(view.results)[0])) is not None:
        yield {"name": "differences", "kind": "differences", **found}
    for kind, module in OF_RUN.items():
        if (found := module.entry(view)) is not None:
            yield {"name": kind, "kind": kind, **found}
    if (found := steps.checkpoints(view.results)) is not None:
        yield {"name": "checkpoints", "kind": "checkpoints", **found}


def draw(entry: dict[str, Any]) -> bytes:
    """The PNG of an entry."""
    return DRAW[entry["kind"]](entry["data"])


def file_name(name: str) -> str:
    """A name that any file system takes, and that leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") or "figure"
