"""A ladder's results as lines of text."""

from typing import Any

from personalize.evaluation.intervals import FEW
from pipelines.personalization.shown import SHOWN
from pipelines.personalization.text import ordinal

ROWS = 2
"""So many metrics have a table; all are in `results.json`."""


def format_population(results: dict[str, Any]) -> str:
    """Tables of rungs by number of labelled people, differences to zero-shot, and the shift, 95 % intervals."""
    rows, first, counts = results["population"], results["metrics"][0], results["counts"]
    lines = [
        f"{first['cohort']} (trained on {first['train_cohort']}), {first['target']}, {first['system']}: "
        f"{counts['participants_tested']} test people, {counts['development_people']} development people "
        "[95 % over test people]"
    ]
    for metric in SHOWN[results["target"]["metrics"]][:ROWS]:
        own = [row for row in rows if row["metric"] == metric]
        lines += ["", f"{metric}, by development people labelled", *grid(own, "value", "low", "high")]
        own = [row for row in own if row["labelled"] or row["rung"] != "none"]
        limits = ("difference", "difference_low", "difference_high")
        lines += ["", f"{metric}, paired difference to zero-shot", *grid(own, *limits)] if own else []
    return "\n".join([*lines, "", *shift_lines(results["shift"]), *notes(results)])


def grid(rows: list[dict[str, Any]], value: str, low: str, high: str) -> list[str]:
    """A line for each rung, a column for each number of labelled people."""
    sizes, table = grid_of(rows, value, low, high)
    width = max(len(rung) for rung, _ in table) + 2
    lines = [" " * width + "".join(f"{size:<26}" for size in sizes)]
    lines += [f"{rung:<{width}}" + "".join(f"{text:<26}" for text in texts) for rung, texts in table]
    return [line.rstrip() for line in lines]


def grid_of(
    rows: list[dict[str, Any]], value: str, low: str, high: str
) -> tuple[list[int], list[tuple[str, list[str]]]]:
    """The numbers of labelled people, and for each rung the cells under them."""
    rungs, sizes = dict.fromkeys(row["rung"] for row in rows), sorted({row["labelled"] for row in rows})
    cells = {(row["rung"], row["labelled"]): row for row in rows}
    return sizes, [(rung, [cell(cells.get((rung, size)), value, low, high) for size in sizes]) for rung in rungs]


def cell(row: dict[str, Any] | None, value: str, low: str, high: str) -> str:
    """A number with its interval; empty where there is no such cell."""
    if row is None:
        return ""
    if row[value] is None:
        return "undefined"
    sign = "" if value == "value" else "+"
    return f"{row[value]:{sign}.3f} [{row[low]:{sign}.3f}, {row[high]:{sign}.3f}]"


def shift_lines(shift: dict[str, Any]) -> list[str]:
    """How far the new people lie, and how sure one would be with more of them."""
    usual, lines = shift["training"], []
    for row in shift["groups"]:
        lines.append(f"shift, {row['group']}: median distance {row['median']:.2f} of {row['participants']} people "
                     f"(training people {usual['median']:.2f}, at most {usual['most']:.2f}); "
                     f"{row['beyond_all_training_people']} beyond all of these")  # fmt: skip
    if (apart := shift["separation"])["value"] is not None:
        lines.append(f"the populations are told apart with AUROC {apart['value']:.3f} "
                     f"[{apart['low']:.3f}, {apart['high']:.3f}]")  # fmt: skip
    for key in dict.fromkeys((row["rung"], row["labelled"], row["of"]) for row in shift["expected"]):
        own = [r for r in shift["expected"] if (r["rung"], r["labelled"], r["of"]) == key and r["width"] is not None]
        name = (
            key[0] + (f" with {key[1]} labelled" if key[1] else "") + ("" if key[2] == "value" else " less zero-shot")
        )
        if own:
            widths = ", ".join(f"{row['width']:.3f} ({row['people']})" for row in own)
            lines.append(f"{own[0]['metric']}, {name}: expected width of the interval by test people: {widths}")
    return lines


def notes(results: dict[str, Any]) -> list[str]:
    """What else has to be said."""
    lines = [f"rung {name}: none, {reason}" for name, reason in results["skipped"].items()]
    lines += [
        f"{row['adaptation']}: {row['harmed']} of {row['n_participants']} people worse than zero-shot by more than "
        f"{row['delta']:.3g} ({row['metric']}), {row['helped']} better by as much"
        for row in results["harmed"]
    ]
    lines += [
        f"{row['labelled']} labelled people: there are only {results['counts']['development_people']}"
        for row in results["labels"]
        if not row["there"]
    ]
    lines += [f"{name} is not tested: {reason}" for name, reason in results["untested"].items()]
    if (final := results.get("evaluation")) and final["times"] > 1:
        lines.append(f"evaluated on these people for the {ordinal(final['times'])} time with this encoder's run")
    if results["counts"]["participants_tested"] < FEW:
        lines.append(f"fewer than {FEW} participants: no interval can be relied on")
    return lines
