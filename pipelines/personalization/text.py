"""The results as lines of text."""

from typing import Any

from personalize.evaluation.baselines import BASELINES
from personalize.evaluation.intervals import FEW
from personalize.evaluation.rows import POOLINGS, primary_pooling
from pipelines.personalization.shown import SHOWN


def format_results(results: dict[str, Any]) -> str:
    """The metrics with 95 % intervals over participants, then paired differences and what else has to be said."""
    shown = SHOWN[results["target"]["metrics"]]
    rows = [row for row in primary_rows(results["metrics"]) if row["metric"] in shown]
    if not rows:
        return "no results"
    first = rows[0]
    trained = f" (trained on {first['train_cohort']})" if first["train_cohort"] != first["cohort"] else ""
    lines = [
        f"{first['cohort']}{trained}, {first['target']}, {first['protocol']}, {first['system']}: "
        f"{max(row['n_participants'] for row in rows)} participants [95 %]; * pooled, for not everybody has the metric"
    ]
    lines += _table(rows, shown, "value", lambda r: (r["adaptation"], r["k"]), lambda r: named(r) + marks(r, first))
    changes = [r for r in results["comparisons"] if r["metric"] in shown and _is_primary(r, results["comparisons"])]
    if changes:
        lines += ["", "paired differences [95 %]"]
        lines += _table(
            changes, shown, "difference", lambda r: tuple((r[s]["adaptation"], r[s]["k"]) for s in "ab"),
            lambda r: f"{named(r['a'])} - {named(r['b'])}",
        )  # fmt: skip
    return "\n".join([*lines, "", *notes(results)]).rstrip()


def primary_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the two rows of each metric the primary one: the mean over participants where everybody has it."""
    found = []
    for key in dict.fromkeys((row["system"], row["adaptation"], row["k"]) for row in rows):
        own = [row for row in rows if (row["system"], row["adaptation"], row["k"]) == key]
        pooling = primary_pooling(own)
        found += [row for row in own if pooling[row["metric"]] == row["pooling"]]
    return found


def named(row: dict[str, Any]) -> str:
    """What an adaptation is called."""
    return f"{row['adaptation']} k={row['k']}"


def marks(row: dict[str, Any], first: dict[str, Any]) -> str:
    """Words that go with a row and not with the whole table."""
    own = row["protocol"].removeprefix(first["protocol"])
    return own + (" ORACLE" if row["oracle"] else "") + (" LEAKY" if row["leaky"] and "LEAKY" not in own else "")


def notes(results: dict[str, Any]) -> list[str]:
    """What else has to be said: harm, coverage, who was not tested, which baselines there are not."""
    lines = [claimed(row) for row in results["claims"]]
    if (final := results.get("evaluation")) and final["times"] > 1:
        lines.append(f"evaluated on these people for the {ordinal(final['times'])} time with this encoder's run")
    for row in results["harmed"]:
        lines.append(f"{named(row)}: {row['harmed']} of {row['n_participants']} people worse than under none by more "
                     f"than {row['delta']:.3g} ({row['metric']}), {row['helped']} better by as much")  # fmt: skip
    for key in dict.fromkeys(
        named(row) for row in results["coverage"] if row["value"] is not None and row["adaptation"] not in BASELINES
    ):
        own = [row for row in results["coverage"] if named(row) == key]
        held = ", ".join(f"{row['level']:.0%}: {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" for row in own)
        lines.append(f"{key}: predictive intervals hold {held}")
    for name, reason in results["skipped"].items():
        lines.append(f"baseline {name}: none, {reason}")
    for name, reason in results["untested"].items():
        lines.append(f"{name} is not tested: {reason}")
    for row in results["labels"]:
        if row["fewer"]:
            lines.append(f"k={row['k']}: {row['fewer']} of {row['people']} people have fewer labels to give")
    if results["audit"]["findings"]:
        lines.append(
            f"LEAKY: {len(results['audit']['findings'])} leaks, e.g. {results['audit']['findings'][0]['text']}"
        )
    if any(row["n_participants"] < FEW and row["difference"] is not None for row in results["comparisons"]):
        lines.append(f"fewer than {FEW} participants: no interval can be relied on")
    return lines


def claimed(row: dict[str, Any]) -> str:
    """A claim and its answer."""
    claim, value = row["claim"], row["estimate"]
    estimate = "" if value is None else f" {value:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
    about = f"{claim['metric']}{estimate}, positive as claimed, of interest from {claim['delta']:g}"
    return f"claim {claim['says']!r}: {row['verdict']} ({about}{'; ' + row['reason'] if row['reason'] else ''})"


def ordinal(number: int) -> str:
    """Such as 2nd.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 22)]
    ['1st', '2nd', '3rd', '4th', '11th', '22nd']
    """
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _is_primary(row: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    """Whether of a pair's two differences this is the one to look at."""
    same = [r for r in rows if (r["a"], r["b"], r["metric"]) == (row["a"], row["b"], row["metric"])]
    most = max(r["n_participants"] for r in same)
    mean = next(r for r in same if r["pooling"] == POOLINGS[0])
    return row["pooling"] == (POOLINGS[0] if mean["n_participants"] == most else POOLINGS[1])


def _table(rows: list[dict], shown: tuple[str, ...], column: str, key: Any, label: Any) -> list[str]:
    labels = {key(row): label(row) for row in rows}
    cells = {(key(row), row["metric"]): row for row in rows}
    width = max(map(len, labels.values())) + 2
    lines = [" " * width + "".join(f"{metric:<28}" for metric in shown)]
    for k, text in labels.items():
        lines.append(f"{text:<{width}}" + "".join(f"{_cell(cells[k, metric], column):<28}" for metric in shown))
    return [line.rstrip() for line in lines]


def _cell(row: dict[str, Any], column: str) -> str:
    if row[column] is None:
        return "undefined"
    sign = "+" if column == "difference" else ""
    pooled = " *" if row["pooling"] != POOLINGS[0] else ""
    return f"{row[column]:{sign}.3f} [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]{pooled}"
