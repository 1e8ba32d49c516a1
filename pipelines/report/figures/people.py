"""The error of every person without and with adaptation, the largest gain first."""

from typing import Any

from personalize.evaluation.predictive import person_errors
from pipelines.report.figures.style import BETTER, INK, MUTED, WORSE, panels, png, styled
from pipelines.report.figures.view import View

NAMED = 40
"""More people than that are drawn without their names."""


def entry(view: View) -> dict[str, Any] | None:
    """None where nothing is adapted to a person."""
    if view.adapted == view.population:
        return None
    kind = view.results["target"]["metrics"]
    names = sorted(set(view.parts[view.population]["participant"].astype(str)))
    before, after = (person_errors(view.parts[key], kind).tolist() for key in (view.population, view.adapted))
    people = sorted(zip(names, before, after, strict=True), key=lambda person: person[2] - person[1])
    better, worse = sum(new < old for _, old, new in people), sum(new > old for _, old, new in people)
    what = "share of wrong classes" if kind in ("class", "probability") else "mean absolute error"
    labels = [view.label(key) for key in (view.population, view.adapted)]
    mean = [sum(values) / len(values) for values in (before, after)]
    return {
        "title": "Person by person",
        "caption": f"Everybody's {what} under “{labels[0]}” (open) and “{labels[1]}” (filled), the largest gain on "
        f"top: {better} of {len(people)} people have a smaller error, {worse} a larger one. No interval is drawn for "
        "one person, for the units of a person do not vary independently; the interval over people is in the table.",
        "alt": f"Forest plot of {len(people)} people: {what} from {labels[0]} to {labels[1]}, on average from "
        f"{mean[0]:.2f} to {mean[1]:.2f}; smaller for {better} people, larger for {worse}.",
        "data": {
            "what": what,
            "labels": labels,
            "mean": mean,
            "people": [{"participant": name, "before": old, "after": new} for name, old, new in people],
        },
    }


def draw(data: dict[str, Any]) -> bytes:
    """The plot, as high as it takes for names, else of one height."""
    people = list(reversed(data["people"]))
    few = len(people) <= NAMED
    size = 5 if few else 2
    with styled():
        figure, (axes,) = panels(1.1 + 0.2 * len(people) if few else 8.0)
        for y, row in enumerate(people):
            colour = BETTER if row["after"] < row["before"] else WORSE
            style = "-" if row["after"] < row["before"] else ":"
            axes.plot([row["before"], row["after"]], [y, y], style, color=colour, lw=1.6 if few else 0.7)
        rows = range(len(people))
        before = {"color": "white", "mec": INK, "mew": 1.0 if few else 0.5}
        axes.plot([p["before"] for p in people], rows, "o", ms=size, label=data["labels"][0], **before)
        axes.plot([p["after"] for p in people], rows, "o", color=INK, ms=size, label=data["labels"][1])
        for value, style in zip(data["mean"], ("--", "-"), strict=True):
            axes.axvline(value, color=MUTED, lw=1, ls=style, zorder=0)
        if few:
            axes.set_yticks(rows, [p["participant"] for p in people], fontsize=7)
        else:
            axes.set_yticks([])
            axes.set_ylabel(f"{len(people)} people")
        axes.set_xlabel(f"{data['what']} on the person's test units (grey: means)")
        axes.set_xlim(left=0)
        axes.margins(y=0.02)
        figure.legend(loc="outside upper center", ncol=2)
        return png(figure)
