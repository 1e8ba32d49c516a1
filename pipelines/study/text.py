"""The results of a study's run as lines of text, at most 100 columns wide."""

import textwrap
from typing import Any

from personalize.evaluation.intervals import FEW
from personalize.evaluation.rows import POOLINGS
from pipelines.report.study_facts import (
    agreement,
    cells,
    findings,
    is_baseline,
    on_phantoms,
    primary_rows,
    shown_metrics,
    tested,
    truth_of,
)
from pipelines.report.words import marks

COLUMNS = 100
SMOKE = "SMOKE: numbers of a smoke run mean nothing"
SLOT_WORDS = {"as_reported": "as reported", "honest": "honest"}
JUDGED = {"right": "right", "wrong": "WRONG", "left open": "open", "no answer": "missing"}
Row = dict[str, Any]


def format_study(results: Row) -> str:
    """What was published, each part's numbers with its leak audit and claims, the gaps, and what has not run."""
    lines = _head(results)
    for part in results["parts"]:
        lines += ["", *_part(part, results["primary"])]
    for protocols in dict.fromkeys(tuple(row["protocols"]) for row in results["gaps"]):
        lines += ["", *_wrapped(f"gaps, as reported less honest [95 %]: {' - '.join(protocols)}")]
        own = [row for row in results["gaps"] if tuple(row["protocols"]) == protocols]
        lines += [line for row in own for line in _wrapped(_gap(row), "  ")]
    lines += ["", *_missing(results)]
    if 0 < tested(results) < FEW:
        lines.append(f"fewer than {FEW} participants: no interval can be relied on")
    return "\n".join([*lines, *([SMOKE] if results["smoke"] else [])])


def _head(results: Row) -> list[str]:
    study, size = results["study"], results["size"]
    changes = [f"encoder {results['encoder']}"] if results["encoder"] else []
    changes += ["+ref"] if results["referenced"] else []
    about = [f"size {'SMOKE' if results['smoke'] else size}", f"status {study['status']}", *changes]
    lines = _wrapped(f"{study['name']} ({study['authors']} {study['year']}): {', '.join(about)}")
    lines += [SMOKE] if results["smoke"] else []
    told = [f"{each['what']} {each['text']} [{each['mark']}]" for each in study["reported"]]
    lines += _wrapped("published: " + ("; ".join(told) or "no number was found"))
    if study["data_substitute"]:
        lines += _wrapped(f"data: {study['data_substitute']}")
    if on_phantoms(results):
        lines.append("phantoms: no result here holds for people")
    return lines


def _part(part: Row, primary: Row) -> list[str]:
    """Title, why it leaks, the table, what the audit found and the claims."""
    lines = _wrapped(f"{part['world']} ({part['about_world']}), {SLOT_WORDS[part['slot']]}: {part['protocol']}")
    if part["leaky"]:
        lines += _wrapped(f"LEAKY: {part['because'] or 'people or moments of the test were trained on'}", "  ")
    lines += _table(part, primary) if part["metrics"] else ["  nothing has run yet"]
    lines += _wrapped(_audit(part), "  ")
    for row in part["claims"]:
        lines += _wrapped(_claim(row, part), "  ")
    return lines


def _table(part: Row, primary: Row) -> list[str]:
    """Models, then baselines: the primary metric and as many others as there is room for, two at most."""
    rows = primary_rows(part["metrics"], primary)
    sides = sorted(dict.fromkeys(side for side, _ in rows), key=is_baseline)
    of_side = {side: next(row for (s, _), row in rows.items() if s == side) for side in sides}
    labels = [_label(side, of_side[side]) for side in sides]
    metrics = shown_metrics(part, primary)[:3]
    columns = [[metric, *(_cell(rows.get((side, metric))) for side in sides)] for metric in metrics]
    widths = [max(map(len, column)) + 2 for column in columns]
    width = min(max(map(len, labels)) + 2, COLUMNS - 2 - widths[0])
    while len(widths) > 1 and 2 + width + sum(widths) > COLUMNS:
        widths.pop()
    lines, first = [], f"{'model':<{width}}"
    for number, label in enumerate(["", *labels]):
        name = f"{_cut(label, width - 2):<{width}}" if number else first
        cells_ = (f"{column[number]:<{w}}" for column, w in zip(columns, widths, strict=False))
        lines.append(("  " + name + "".join(cells_)).rstrip())
        if number and number < len(labels) and is_baseline(sides[number]) and not is_baseline(sides[number - 1]):
            lines.append("  to be beaten:")
    shown = [row for (_, metric), row in rows.items() if metric in metrics[: len(widths)] and row["value"] is not None]
    pooled = ", * all units together" if any(row["pooling"] != POOLINGS[0] for row in shown) else ""
    people = max(row["n_participants"] for row in rows.values())
    lost = [f"{_label(side, row)}, {metric}: {row['reason']}" for (side, metric), row in rows.items()
            if metric in metrics[: len(widths)] and row["value"] is None]  # fmt: skip
    lost += [f"no {name}: {reason}" for name, reason in part["skipped"].items()]
    notes = [f"{people} participants [95 %]{pooled}", *lost]
    return [*lines, *(line for note in notes for line in _wrapped(note, "  "))]


def _label(side: tuple[str, int], row: Row) -> str:
    return " ".join([side[0], *([f"k={side[1]}"] if side[1] else []), *marks(row)])


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    if row["value"] is None:
        return "undefined"
    return _interval(row, "value") + (" *" if row["pooling"] != POOLINGS[0] else "")


def _interval(row: Row, column: str, sign: str = "") -> str:
    return f"{row[column]:{sign}.3f} [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"


def _audit(part: Row) -> str:
    found = ", ".join(each["reason"] for each in findings(part))
    if part["leaky"]:
        return f"leak audit: {found}, as expected" if found else "leak audit: NOTHING FOUND, though it has to leak"
    return f"leak audit: LEAKS FOUND, though it has to be honest: {found}" if found else "leak audit: no leak"


def _claim(row: Row, part: Row) -> str:
    """A claim, its verdict, and whether that is right where this is known."""
    claim = row["claim"]
    about = "undefined" if row["estimate"] is None else _interval(row, "estimate", "+")
    truth = truth_of(row, part)
    judged = "" if truth is None else f"; {str(truth).lower()} here, the verdict is {JUDGED[agreement(row, part)]}"
    why = f"; {row['reason']}" if row["reason"] else ""
    changed = "" if row["verified"] else "; the record was changed or is gone: it proves nothing"
    return (f"claim {claim['says']!r}: {row['verdict']} ({claim['metric']} {about}, positive as claimed, of interest "
            f"from {claim['delta']:g}{why}{judged}{changed})")  # fmt: skip


def _gap(row: Row) -> str:
    name = f"{row['world']}, {row['adaptation']}" + (f" k={row['k']}" if row["k"] else "") + f", {row['metric']}: "
    if row["difference"] is None:
        return f"{name}undefined, {row['reason']}"
    sides = [row["as_reported"], row["honest"]]
    about = "" if None in sides else " = " + " - ".join(f"{side:.3f}" for side in sides)
    return f"{name}{_interval(row, 'difference', '+')}{about}, {row['n_participants']} participants"


def _missing(results: Row) -> list[str]:
    found = cells(results)
    if not found["missing"]:
        return [f"all {found['all']} cells have run"]
    lost = found["all"] - found["done"]
    lines = [f"{lost} of {found['all']} cells have NOT run; the same command goes on with them:"]
    for each in found["missing"]:
        seeds = ", ".join(map(str, each["seeds"]))
        lines += _wrapped(f"{each['world']}, {each['protocol']}, {each['model']}: seeds {seeds}", "  ")
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _wrapped(text: str, indent: str = "") -> list[str]:
    """Lines of no more than 100 columns; those after the first further in."""
    return textwrap.wrap(text, COLUMNS, initial_indent=indent, subsequent_indent=indent + "    ")
