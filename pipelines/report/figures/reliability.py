"""Whether predicted probabilities are right: the share of events seen over the one predicted."""

from typing import Any

from pipelines.report.figures.style import MUTED, panels, png, series, styled
from pipelines.report.figures.view import View
from pipelines.report.words import key_of

STATES = {"event_probability": "as predicted", "event_recalibrated": "recalibrated on training people"}


def entry(view: View) -> dict[str, Any] | None:
    """From the entry `reliability` of a run; None where it has none, or nothing but undefined bins."""
    rows = [row for row in view.results.get("reliability", []) if row["predicted"] is not None]
    curves = []
    for name, key in view.both().items():
        for state, words in STATES.items():
            own = [row for row in rows if (key_of(row), row["probability"]) == (key, state)]
            keys = ("predicted", "value", "low", "high", "n_units")
            points = [{each: row[each] for each in keys} for row in own]
            curves += [{"name": name, "state": words, "points": points}] if points else []
    if not curves:
        return None
    said = "; ".join(f"{c['name']}, {c['state']}: {_farthest(c['points'])}" for c in curves)
    return {
        "title": "Are probabilities right? Reliability",
        "caption": "Share of events seen over the probability predicted, in bins of as many units, with the 95 % "
        "interval over people; on the diagonal they agree.",
        "alt": f"Reliability curves. Farthest from the diagonal: {said}.",
        "data": {"curves": curves},
    }


def _farthest(points: list[dict[str, Any]]) -> str:
    known = [p for p in points if p["value"] is not None]
    if not known:
        return "undefined"
    most = max(known, key=lambda p: abs(p["value"] - p["predicted"]))
    return f"predicted {most['predicted']:.2f}, seen {most['value']:.2f}"


def draw(data: dict[str, Any]) -> bytes:
    """A panel for each system, a curve for each state."""
    names = list(dict.fromkeys(curve["name"] for curve in data["curves"]))
    with styled():
        figure, axes = panels(4.2, 2)
        for place in axes[len(names) :]:
            place.set_axis_off()
        for place, name in zip(axes, names, strict=False):
            place.plot([0, 1], [0, 1], ls="--", color=MUTED, lw=0.8)
            own = [curve for curve in data["curves"] if curve["name"] == name]
            for curve in own:
                number = [*STATES.values()].index(curve["state"])
                points = [p for p in curve["points"] if p["value"] is not None]
                at, value = [p["predicted"] for p in points], [p["value"] for p in points]
                reach = [[p["value"] - p["low"] for p in points], [p["high"] - p["value"] for p in points]]
                place.errorbar(at, value, reach, lw=1.3, ms=4, elinewidth=0.7, label=curve["state"], **series(number))
            place.set(xlabel="predicted probability", ylabel="share of events seen", title=name)
            place.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
            place.legend(loc="lower right", fontsize=7)
        return png(figure)
