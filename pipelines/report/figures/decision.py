"""The decision curve: what acting on the predictions is worth, against acting always and never."""

from typing import Any

from pipelines.report.figures.style import MUTED, panels, png, series, styled
from pipelines.report.figures.view import View
from pipelines.report.words import key_of

STATE = "event_probability"


def entry(view: View) -> dict[str, Any] | None:
    """From the entry `decision` of a run; None where it has none."""
    rows = [row for row in view.results.get("decision", []) if row["value"] is not None]
    keys = ("threshold", "value", "low", "high")
    curves = []
    for name, key in view.both().items():
        own = [r for r in rows if (key_of(r), r["probability"], r["strategy"]) == (key, STATE, "model")]
        curves += [{"name": name, "points": [{each: row[each] for each in keys} for row in own]}] if own else []
    everybody = [{each: row[each] for each in keys} for row in rows if row["strategy"] == "treat_all"]
    if not curves or not everybody:
        return None
    last = curves[-1]["points"]
    said = "; ".join(f"at {p['threshold']:.2f} {p['value']:.3f}" for p in last[1::4])
    return {
        "title": "Is it worth acting on? Decision curve",
        "caption": "Net benefit (events acted on per unit, less needless acts at the exchange rate that the threshold "
        "stands for) over the threshold probability, with the 95 % interval over people. A model is of use where it "
        "lies above both acting always and acting never (zero).",
        "alt": f"Decision curve. Net benefit of {curves[-1]['name']}: {said}. Acting always: at "
        f"{everybody[0]['threshold']:.2f} {everybody[0]['value']:.3f}, falling.",
        "data": {"curves": curves, "everybody": everybody},
    }


def draw(data: dict[str, Any]) -> bytes:
    """Curves with bands; what falls far below zero is cut off."""
    with styled():
        figure, (axes,) = panels(3.8)
        axes.axhline(0, color=MUTED, lw=1, label="act never")
        axes.plot(*_xy(data["everybody"]), color=MUTED, ls=":", lw=1.4, label="act always")
        top = max(p["high"] for curve in data["curves"] for p in curve["points"])
        for number, curve in enumerate(data["curves"]):
            look = series(number)
            low, high = ([p[end] for p in curve["points"]] for end in ("low", "high"))
            axes.fill_between(_xy(curve["points"])[0], low, high, color=look["color"], alpha=0.12, lw=0)
            axes.plot(*_xy(curve["points"]), lw=1.5, ms=3, label=curve["name"], **look)
        axes.set_ylim(-0.3 * top - 0.02, 1.1 * top + 0.01)
        axes.set(xlabel="threshold probability from which one acts", ylabel="net benefit per unit")
        figure.legend(loc="outside upper center", ncol=3)
        return png(figure)


def _xy(points: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    return [p["threshold"] for p in points], [p["value"] for p in points]
