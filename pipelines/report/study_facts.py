"""What the results of a study's run come to: chosen and counted, for the page, the terminal and the league table.

A part is an entry of the results' `parts`, a row one of a part's `metrics`, primary the results' entry of that name.
All functions work on plain results and on those whose numbers know where they stand.
"""

from collections.abc import Sequence
from typing import Any

from personalize.evaluation.baselines import BASELINES, NO_FACE
from personalize.evaluation.claims import INCONCLUSIVE, SUPPORTED, UNDEFINED
from personalize.evaluation.metrics import LOWER_IS_BETTER, NAMES
from personalize.evaluation.targets import VIEWS
from pipelines.personalization.shown import SHOWN

Row = dict[str, Any]
Side = tuple[str, int]
"""adaptation, k."""
SLOTS = ("as_reported", "honest")
PLAIN = ("accuracy", "mae")
"""Metrics that mean something to everybody, beside the primary one where a kind of target is not known."""


def side_of(row: Row) -> Side:
    """What a row is of."""
    return row["adaptation"], row["k"]


def is_baseline(side: Side) -> bool:
    """Whether it is one of those that have to be beaten."""
    return side[0] in BASELINES or side[0] in NO_FACE


def main_model(results: Row) -> Side | None:
    """The model that the first claim says is better; without a claim the last model. None before there are metrics."""
    for part in results["parts"]:
        for row in part["claims"]:
            sides = [side_of(row["claim"][each]) for each in ("better", "than")]
            return next((side for side in sides if not is_baseline(side)), sides[0])
    sides = [side_of(row) for part in results["parts"] for row in part["metrics"]]
    return next((side for side in reversed(sides) if not is_baseline(side)), None)


def row_of(part: Row | None, side: Side | None, primary: Row) -> Row | None:
    """The row of the primary metric."""
    return next((row for row in rows_of(part, primary) if side_of(row) == side), None)


def rows_of(part: Row | None, primary: Row) -> list[Row]:
    """All rows of the primary metric."""
    wanted = (primary["metric"], primary["pooling"], None)
    rows = part["metrics"] if part else []
    return [row for row in rows if (row["metric"], row["pooling"], row["subgroup"]) == wanted]


def best_baseline(part: Row | None, primary: Row) -> Row | None:
    """The best of what has to be beaten, by the primary metric; never an ORACLE."""
    rows = [row for row in rows_of(part, primary) if is_baseline(side_of(row)) and not row["oracle"]]
    known = [row for row in rows if row["value"] is not None]
    better = -1 if primary["metric"] in LOWER_IS_BETTER else 1
    return max(known, key=lambda row: better * row["value"], default=None)


def worlds(results: Row) -> list[Row]:
    """Each world with what is asked first of it: its first parts, the main model's rows and gap, what it has to beat.

    Keys: name, about, truth, truths (different ones of its claims, unknown ones left out), parts, rows, claims (each
    by slot, None where it has not run), gap, baseline.
    """
    side, primary, found = main_model(results), results["primary"], []
    for name in dict.fromkeys(part["world"] for part in results["parts"]):
        own = [part for part in results["parts"] if part["world"] == name]
        first = {slot: next((part for part in own if part["slot"] == slot), None) for slot in SLOTS}
        found.append(
            {
                "name": name,
                "about": own[0]["about_world"],
                "truth": own[0]["truth"],
                "truths": truths(own),
                "parts": first,
                "rows": {slot: row_of(part, side, primary) for slot, part in first.items()},
                "claims": {slot: part["claims"] if part else [] for slot, part in first.items()},
                "gap": _gap(results, name, side, first),
                "baseline": best_baseline(first["honest"], primary),
            }
        )
    return found


def _gap(results: Row, world: str, side: Side | None, first: dict[str, Row | None]) -> Row | None:
    primary = results["primary"]
    protocols = [part["protocol"] if part else None for part in first.values()]
    wanted = (world, side, primary["metric"], protocols)
    for row in results["gaps"]:
        if (row["world"], side_of(row), row["metric"], row["protocols"]) == wanted:
            return row
    return None


def plain_verdict(row: Row) -> str:
    """A claim's verdict without its marks."""
    return row["verdict"].removesuffix(" ".join(["", *row["marks"]]))


def truth_of(row: Row, part: Row) -> bool | None:
    """Whether a claim is true where it was answered: of several claims each has its own truth."""
    return row.get("truth", part["truth"])


def answers(found: list[Row]) -> list[Row]:
    """Each claim with its answers, world by world. Keys: says, worlds (name, truth, honest, as_reported)."""
    by_claim: dict[str, dict[str, Row]] = {}
    for world in found:
        for slot, rows in world["claims"].items():
            for row in rows:
                truth = truth_of(row, world)
                empty = {"name": world["name"], "truth": truth, "honest": None, "as_reported": None}
                by_claim.setdefault(row["claim"]["says"], {}).setdefault(world["name"], empty)[slot] = row
    return [{"says": says, "worlds": list(answers.values())} for says, answers in by_claim.items()]


def truths(parts: Sequence[Row]) -> list[bool]:
    """The different truths of the claims of some parts, or of the parts before a claim is answered."""
    found = [truth_of(row, part) for part in parts for row in part["claims"]] or [part["truth"] for part in parts]
    return [truth for truth in dict.fromkeys(found) if truth is not None]


def agreement(row: Row, part: Row) -> str:
    """Whether a verdict is what it has to be where the claim is known to be true, or false.

    >>> agreement({"verdict": "supported LEAKY", "marks": ["LEAKY"]}, {"truth": False})
    'wrong'
    """
    said, truth = plain_verdict(row), truth_of(row, part)
    if said == UNDEFINED:
        return "no answer"
    if truth is None:
        return "not known"
    if said == INCONCLUSIVE:
        return "left open"
    return "right" if (said == SUPPORTED) == truth else "wrong"


def shown_metrics(part: Row, primary: Row) -> tuple[str, ...]:
    """Metrics of the tables: the primary one, then those of its kind of target that are not undefined everywhere."""
    there = {row["metric"] for row in part["metrics"]}
    known = {row["metric"] for row in part["metrics"] if row["value"] is not None}
    kind = next((kind for kind, views in VIEWS.items() if set(views) == there), None)
    usual = SHOWN[kind] if kind else PLAIN
    return tuple(dict.fromkeys([primary["metric"], *(metric for metric in usual if metric in known)]))


def all_metrics(part: Row) -> list[str]:
    """Every metric of a part, in the usual order."""
    there = {row["metric"] for row in part["metrics"]}
    return [name for name in NAMES if name in there]


def cells(results: Row) -> Row:
    """How many cells there are and have run, and those that have not, seeds together. Keys: all, done, missing."""
    lost: dict[tuple[str, str, str], list[int]] = {}
    for cell in results["cells"]:
        if not cell["done"]:
            lost.setdefault((cell["world"], cell["protocol"], cell["model"]), []).append(cell["seed"])
    names = ("world", "protocol", "model")
    return {
        "all": len(results["cells"]),
        "done": sum(cell["done"] for cell in results["cells"]),
        "missing": [{**dict(zip(names, key, strict=True)), "seeds": sorted({*seeds})} for key, seeds in lost.items()],
    }


def findings(part: Row) -> list[Row]:
    """What the leak audit of a part found, by reason. Keys: reason, count, text (the first one's)."""
    found: dict[str, list[str]] = {}
    for each in part["findings"]:
        found.setdefault(each["reason"], []).append(each["text"])
    return [{"reason": reason, "count": len(texts), "text": texts[0]} for reason, texts in found.items()]


def repeats(results: Row) -> list[str]:
    """Of each part what tells it from those before it of the same protocol: nothing, " (2)", ..."""
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for part in results["parts"]:
        key = (part["world"], part["slot"], part["protocol"])
        seen[key] = seen.get(key, 0) + 1
        found.append(f" ({seen[key]})" if seen[key] > 1 else "")
    return found


def published(results: Row) -> Row | None:
    """The published number to set beside ours: the first of the primary metric, else the headline."""
    told, metric = results["study"]["reported"], results["primary"]["metric"]
    return next((each for each in told if each["metric"] == metric), told[0] if told else None)


def on_phantoms(results: Row) -> bool:
    """Whether the people are drawn ones: something stands for the data, or what is true of them is known."""
    truths = (part["truth"] is not None for part in results["parts"])
    return results["study"]["data_substitute"] is not None or any(truths)


def tested(results: Row) -> int:
    """The most people that any number is of."""
    return max((row["n_participants"] for part in results["parts"] for row in part["metrics"]), default=0)


def primary_rows(rows: Sequence[Row], primary: Row) -> dict[tuple[Side, str], Row]:
    """Of each side and metric the row to look at: of the primary metric as the study has it, else where all count."""
    kept: dict[tuple[Side, str], Row] = {}
    for row in (row for row in rows if row["subgroup"] is None):
        key = (side_of(row), row["metric"])
        if row["metric"] == primary["metric"]:
            if row["pooling"] == primary["pooling"]:
                kept[key] = row
        elif key not in kept or row["n_participants"] > kept[key]["n_participants"]:
            kept[key] = row
    return kept
