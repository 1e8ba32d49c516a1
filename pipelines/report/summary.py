"""What runs say, gathered for the page and the terminal: rows with intervals, and paired differences."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.evaluation.baselines import NO_FACE
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.evaluation.rows import POOLINGS, primary_pooling
from pipelines.personalization.results import adaptations_of
from pipelines.personalization.shown import SHOWN
from pipelines.personalization.text import ordinal, primary_rows
from pipelines.report.numbers import interval_text
from pipelines.report.read import PersonalRun, read_personal
from pipelines.report.words import Key, head, key_of, label, marks, metric_name, most_adapted
from pretrain.errors import UserError

Named = Sequence[tuple[str, dict[str, Any]]]
"""Results by the name of their run; those of `report.json` do as well, whose numbers know where they stand."""


def names_of(runs: Sequence[PersonalRun]) -> list[str]:
    """What the runs are called: their features, with the cohort where that tells them apart.

    Raises `UserError` when two runs have features of one name and one cohort.
    """
    about = [(run.results["metrics"][0]["system"], run.results["metrics"][0]["cohort"]) for run in runs]
    systems = [system for system, _ in about]
    for run, each in zip(runs, about, strict=True):
        if about.count(each) > 1:
            raise UserError(f"{run.folder}: another run has features named {each[0]!r} too; name the feature files "
                            "apart")  # fmt: skip
    return [f"{s} ({cohort})" if systems.count(s) > 1 else s for s, cohort in about]


def shown(results: dict[str, Any]) -> tuple[str, ...]:
    """The metrics of the tables."""
    return SHOWN[results["target"]["metrics"]]


def table(named: Named) -> list[dict[str, Any]]:
    """A line for each system of each run: label, marks, primary row of each metric, and the other pooling's.

    A line that no features enter stands once, if all runs are of one cohort. Keys: label, marks, primary, other, key.
    """
    one_cohort = len({results["metrics"][0]["cohort"] for _, results in named}) == 1
    lines: dict[str, dict[str, Any]] = {}
    for name, results in named:
        primary = {id(row) for row in primary_rows(results["metrics"])}
        for row in (row for row in results["metrics"] if row["subgroup"] is None):
            alone = len(named) == 1 or (one_cohort and row["adaptation"] in NO_FACE)
            text = label((name, row["adaptation"], row["k"]), system=False)
            text = text if alone else f"{name}: {text}"
            new = {"label": text, "marks": marks(row), "key": key_of(row), "primary": {}, "other": {}}
            line = lines.setdefault(" ".join([text, *marks(row)]), new)
            line["primary" if id(row) in primary else "other"].setdefault(row["metric"], row)
    first = {line["key"][:2]: place for place, line in reversed([*enumerate(lines.values())])}
    return sorted(lines.values(), key=lambda line: (first[line["key"][:2]], line["key"][2]))


def pairs(rows: Sequence[dict[str, Any]], named: Named) -> list[dict[str, Any]]:
    """Rows of paired differences by pair: labels a and b, and of each metric the primary row.

    Keys: a, b, by_metric, main (against the population model, or made for the report).
    """
    found = []
    for a, b in dict.fromkeys((_side(row["a"], named), _side(row["b"], named)) for row in rows):
        own = [row for row in rows if (_side(row["a"], named), _side(row["b"], named)) == (a, b)]
        primary = primary_pooling(own)
        best = {row["metric"]: row for row in own if row["pooling"] == primary[row["metric"]]}
        main = "run" in own[0]["a"] or own[0]["b"]["adaptation"] == "none"
        found.append({"a": a, "b": b, "main": main, "by_metric": best})
    return found


def _side(side: dict[str, Any], named: Named) -> str:
    """The label of a side; a rung of a new population has neither system nor k."""
    key = (side.get("run") or side.get("system") or named[0][0], side["adaptation"], side.get("k", 0))
    return label(key, system=len(named) > 1)


def verdict(row: dict[str, Any]) -> str:
    """better, worse or not shown: whether the interval of the difference excludes 0, and on which side."""
    if row["difference"] is None:
        return "undefined"
    if row["low"] <= 0 <= row["high"]:
        return "not shown"
    return "better" if (row["high"] < 0) == (row["metric"] in LOWER_IS_BETTER) else "worse"


def further_comparisons(runs: Sequence[PersonalRun]) -> tuple[list[dict[str, Any]], list[str]]:
    """Paired differences that no run has of itself, as rows like theirs, and notes on those that cannot be made.

    Within the first run: what adapts most against the person's labels alone, that see no face. Between runs: the first
    run's features against the others', adapted alike.
    """
    first, names = runs[0], names_of(runs)
    own = adaptations_of(first.predictions)
    if "population" in first.results:
        own = {key: part for key, part in own.items() if key[1] == "none"}
    found, notes, most = [], [], most_adapted(list(own))
    if (alone := (most[0], "participant_prior", most[2])) in own:
        found += _compare(own[most], own[alone], (names[0], *most[1:]), (names[0], *alone[1:]), first)
    for name, other in zip(names[1:], runs[1:], strict=True):
        if why := _apart(first, other):
            notes.append(f"{names[0]} and {name}: {why}, so no paired difference can be made")
            continue
        theirs = {key[1:]: part for key, part in adaptations_of(other.predictions).items()}
        for key in [k for k in own if k[1:] in theirs and k[1] not in NO_FACE and k in (most, (k[0], "none", 0))]:
            try:
                found += _compare(own[key], theirs[key[1:]], (names[0], *key[1:]), (name, *key[1:]), first)
            except UserError as error:
                notes.append(f"{label((names[0], *key[1:]))} against {name}: {error}")
    return found, notes


def _apart(first: PersonalRun, other: PersonalRun) -> str | None:
    """Why two runs cannot be compared at all."""
    for key, what in (("cohort", "cohorts"), ("target", "targets")):
        a, b = (run.results["metrics"][0][key] for run in (first, other))
        if a != b:
            return f"different {what} ({a}; {b})"
    a, b = (run.results["target"]["metrics"] for run in (first, other))
    return None if a == b else f"targets of different kinds ({a}; {b})"


def _compare(a: pd.DataFrame, b: pd.DataFrame, key_a: Key, key_b: Key, run: PersonalRun) -> list[dict[str, Any]]:
    kind, config = run.results["target"]["metrics"], run.config
    options = {"threshold": config["threshold"], "draws": config["draws"], "seed": config["seed"], "kind": kind}
    a_side, b_side = (dict(zip(("run", "adaptation", "k"), key, strict=True)) for key in (key_a, key_b))
    return [
        {"a": a_side, "b": b_side, **paired_difference(a, b, metric, pooling=pooling, **options)}
        for metric in SHOWN[kind]
        for pooling in POOLINGS
    ]


def about_people(name: str, results: dict[str, Any]) -> str | None:
    """What a reader has to know of who was tested: development people, or the same test people as before."""
    if best := results.get("chosen"):
        return (f"{name}: development people only, and step {best['step']} was chosen on them: these numbers flatter "
                "it; score it once on the test people")  # fmt: skip
    final = results.get("evaluation")
    if final and final["times"] > 1:
        return f"{name}: evaluated on these people for the {ordinal(final['times'])} time"
    return None


def sentence(pair: dict[str, Any]) -> str:
    """What a comparison shows by the first of its metrics, in words."""
    metric, row = next(iter(pair["by_metric"].items()))
    words = {
        "better": "is better than",
        "worse": "is WORSE than",
        "not shown": "is not shown to differ from",
        "undefined": "cannot be compared with",
    }
    return f"{pair['a']} {words[verdict(row)]} {pair['b']} ({metric_name(metric)})"


def headline(folders: Sequence[Path]) -> str:
    """The table and the paired differences as text for a terminal."""
    runs = [read_personal(folder) for folder in folders]
    named = list(zip(names_of(runs), [run.results for run in runs], strict=True))
    metrics = shown(runs[0].results)
    rows = {
        " ".join([line["label"], *line["marks"]]): [_cell(line["primary"].get(m), "value") for m in metrics]
        for line in table(named)
    }
    people = max(row["n_participants"] for row in runs[0].results["metrics"])
    about = f"held-out people: {people}; mean over people (* pooled) [95 % interval over people]"
    further, notes = further_comparisons(runs)
    found = pairs([*runs[0].results["comparisons"], *further], named)
    changes = {
        f"{pair['a']} \N{MINUS SIGN} {pair['b']}": [_cell(pair["by_metric"].get(m), "difference") for m in metrics]
        for pair in found
    }
    notes += [note for name, results in named if (note := about_people(name, results))]
    lines = [about, *_aligned(rows, metrics), "", "paired differences", *_aligned(changes, metrics), ""]
    return "\n".join([*lines, *map(sentence, found), *notes])


def _cell(row: dict[str, Any] | None, column: str) -> str:
    if row is None:
        return "undefined"
    return interval_text(row, column, column == "difference") + (" *" if row["pooling"] != POOLINGS[0] else "")


def _aligned(rows: dict[str, list[str]], metrics: Sequence[str]) -> list[str]:
    heads = [head(metric) for metric in metrics]
    width = max(map(len, rows), default=0) + 2
    columns = [max(map(len, column)) + 2 for column in zip(heads, *rows.values(), strict=True)]
    lines = [" " * width + "".join(f"{text:<{w}}" for text, w in zip(heads, columns, strict=True))]
    for name, cells in rows.items():
        lines.append(f"{name:<{width}}" + "".join(f"{text:<{w}}" for text, w in zip(cells, columns, strict=True)))
    return [line.rstrip() for line in lines]
