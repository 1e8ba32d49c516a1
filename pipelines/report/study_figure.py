"""All models and what they have to beat by the primary metric, tested as published and honestly: a forest plot."""

from typing import Any

from pipelines.report.figures.style import INK, MUTED, panels, png, styled
from pipelines.report.numbers import interval_text, plain
from pipelines.report.study_facts import is_baseline, published, rows_of, side_of, worlds
from pipelines.report.study_words import SLOT_NAMES, model_name
from pipelines.report.words import head, metric_name

MOST = 80
"""Lines drawn, at most."""
LOOKS = ({"color": "#c25400", "marker": "s"}, {"color": "#0b6aa8", "marker": "o"}, {"color": "#00795a", "marker": "^"},
         {"color": "#a3487e", "marker": "D"}, {"color": MUTED, "marker": "v"})  # fmt: skip


def entry(results: dict[str, Any]) -> dict[str, Any] | None:
    """An entry for the report, as those of the other figures; None where the metric is defined nowhere."""
    primary = results["primary"]
    every = [line for part in results["parts"] for line in _lines(part, primary)]
    first = [part for world in worlds(results) for part in world["parts"].values() if part]
    lines = [line for part in first for line in _lines(part, primary)][:MOST]
    if not lines:
        return None
    name, known = metric_name(primary["metric"]), _published(results)
    said = "; ".join(f"{each['world']}, {each['test']}, {each['label']}: {interval_text(each)}" for each in lines)
    more = " Other protocols and models are in the tables." if len(lines) < len(every) else ""
    line = "" if known is None else f" The dotted line is the published {name}, {plain(known, '.3g')}."
    return {
        "title": f"{head(primary['metric'])} of everything that was tested",
        "caption": "Every model, and below them what has to be beaten, with the 95 % interval over people."
        f"{line}{more}",
        "alt": f"Forest plot of {name}. {said}.{line}{more}",
        "data": {"metric": primary["metric"], "lines": lines, "published": known},
    }


def _lines(part: dict[str, Any], primary: dict[str, Any]) -> list[dict[str, Any]]:
    test = f"{SLOT_NAMES[part['slot']]}: {part['protocol']}"
    rows = [row for row in rows_of(part, primary) if row["value"] is not None]
    return [
        {
            "world": part["world"],
            "test": test,
            "label": model_name(side_of(row)) + (" ORACLE" if row["oracle"] else ""),
            "baseline": is_baseline(side_of(row)),
            **{key: row[key] for key in ("value", "low", "high")},
        }
        for row in rows
    ]


def _published(results: dict[str, Any]) -> float | int | None:
    """The published number, where it is of the same metric."""
    found = published(results)
    return found["value"] if found and found["metric"] == results["primary"]["metric"] else None


def draw(data: dict[str, Any]) -> bytes:
    """A panel for each world, a row for each model, a mark for each protocol."""
    lines = data["lines"]
    worlds = list(dict.fromkeys(each["world"] for each in lines))
    tests = list(dict.fromkeys(each["test"] for each in lines))
    rows = {world: _rows([each for each in lines if each["world"] == world]) for world in worlds}
    heights = [len(names) + 1 for names in rows.values()]
    with styled():
        height = 0.7 + 0.22 * len(tests) + sum(0.36 * each + 0.3 for each in heights)
        figure, axes = panels(height, 1, len(worlds), sharex=True, height_ratios=heights)
        for place, (world, names) in zip(axes, rows.items(), strict=True):
            for number, test in enumerate(tests):
                own = [each for each in lines if (each["world"], each["test"]) == (world, test)]
                shift = 0.18 * ((len(tests) - 1) / 2 - number)
                at = [len(names) - 1 - names.index(each["label"]) + shift for each in own]
                look, label = LOOKS[number % len(LOOKS)], test if place is axes[0] else None
                place.hlines(at, [each["low"] for each in own], [each["high"] for each in own], color=look["color"])
                place.plot([each["value"] for each in own], at, look["marker"], color=look["color"], ms=5, label=label)
            models = len({e["label"] for e in lines if e["world"] == world and not e["baseline"]})
            place.axhline(len(names) - models - 0.5, color=MUTED, lw=0.6)
            if data["published"] is not None:
                place.axvline(data["published"], color=INK, lw=0.9, ls=":")
            place.set_yticks(range(len(names)), list(reversed(names)), fontsize=8)
            place.set(ylim=(-0.6, len(names) - 0.4), title=world)
        axes[-1].set_xlabel(head(data["metric"]) + (" (dotted: published)" if data["published"] is not None else ""))
        figure.legend(loc="outside upper left", ncol=1)
        return png(figure)


def _rows(lines: list[dict[str, Any]]) -> list[str]:
    """Names of the lines, models first."""
    return list(dict.fromkeys(each["label"] for each in sorted(lines, key=lambda each: each["baseline"])))
