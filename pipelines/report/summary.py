"""What runs say, gathered for the page and the terminal: rows with intervals, and paired differences."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.evaluation.rows import RowError, check_interval, check_rows
from pipelines.personalization import by_system
from pretrain.errors import RunFailure, UserError

SHOWN = {"mae": "MAE ↓", "ccc": "CCC ↑", "pcc": "PCC ↑", "auroc": "AUROC ↑"}
"""Metrics of the tables; the arrow says which way is better."""
POOLING = "mean_over_participants"
NO_FACE = "participant_prior"
"""The adaptation that looks at no features, hence is the same for every system."""
ADAPTATIONS = {
    "none": "population model",
    "reference": "neutral reference",
    "ridge": "personalised",
    "reference+ridge": "neutral reference + personalised",
    NO_FACE: "own labels only, no face",
}

Key = tuple[str, str, int]
"""system, adaptation, k."""


@dataclass(frozen=True)
class PersonalRun:
    """A finished `wince personalize` run."""

    folder: Path
    config: dict[str, Any]
    results: dict[str, Any]
    predictions: pd.DataFrame


@dataclass(frozen=True)
class Comparison:
    """System a against system b on the same people and units."""

    a: str
    b: str
    by_metric: dict[str, dict[str, Any]]

    def verdict(self, metric: str) -> str:
        """better, worse or not shown: whether the interval of the difference excludes 0, and on which side."""
        row = self.by_metric[metric]
        if row["difference"] is None:
            return "undefined"
        if row["low"] <= 0 <= row["high"]:
            return "not shown"
        return "better" if (row["high"] < 0) == (metric in LOWER_IS_BETTER) else "worse"


def read_personal(folder: Path) -> PersonalRun:
    """Reads a run; refuses one with a number that lacks its interval.

    Raises `UserError` when the folder is no personalize run, `RunFailure` when its rows may not be shown.
    """
    try:
        results = json.loads((folder / "results.json").read_text())
        config = json.loads((folder / "config.json").read_text())["config"]
        predictions = pd.read_parquet(folder / "predictions.parquet")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder} is not a finished run of `wince personalize`: {error}") from error
    try:
        check_rows(results["metrics"])
        for row in results["comparisons"]:
            check_interval(row, row["difference"], f"comparison {row['a']} {row['b']} {row['metric']}")
    except RowError as error:
        raise RunFailure(f"{folder / 'results.json'}: {error}") from error
    return PersonalRun(folder, config, results, predictions)


def label(key: Key) -> str:
    """What a row is called: features, adaptation, labels used."""
    system, adaptation, k = key
    name = ADAPTATIONS.get(adaptation, adaptation) + (f", k = {k}" if k else "")
    return name if adaptation == NO_FACE else f"{system}: {name}"


def table(runs: Sequence[PersonalRun]) -> dict[str, dict[str, dict[str, Any]]]:
    """label -> metric -> row, in the order of the runs; a row that no features enter stands once.

    Raises `UserError` when two runs have features of one name, whose rows could not be told apart.
    """
    systems = [run.results["metrics"][0]["system"] for run in runs]
    for folder, system in zip([run.folder for run in runs], systems, strict=True):
        if systems.count(system) > 1:
            raise UserError(f"{folder}: another run has features named {system!r} too; name the feature files apart")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in (row for run in runs for row in run.results["metrics"]):
        if row["pooling"] == POOLING and row["metric"] in SHOWN and row["subgroup"] is None:
            mark = " LEAKY" * row["leaky"] + " ORACLE" * row["oracle"]
            name = label((row["system"], row["adaptation"], row["k"])) + mark
            found.setdefault(name, {}).setdefault(row["metric"], row)
    return found


def comparisons(runs: Sequence[PersonalRun]) -> tuple[list[Comparison], list[str]]:
    """The paired differences that answer the questions, and notes on those that could not be made.

    Within the first run: is adapting worth anything? Between runs: does the first run's encoder beat the other
    features, adapted alike?
    """
    first = runs[0]
    own = by_system(first.predictions)
    pairs = [(a, b) for a, b in _own_pairs(list(own)) if b in own]
    done = [_compare(own[a], own[b], label(a), label(b), first.config) for a, b in pairs]
    notes = []
    for other in runs[1:]:
        theirs = {key[1:]: (key, part) for key, part in by_system(other.predictions).items()}
        for key in (k for k in own if k[1] != NO_FACE and k[1:] in theirs):
            if key[1] not in ("none", most_adapted(list(own))[1]):
                continue
            other_key, part = theirs[key[1:]]
            try:
                done.append(_compare(own[key], part, label(key), label(other_key), first.config))
            except UserError as error:
                notes.append(f"{label(key)} against {label(other_key)}: {error}")
    return done, notes


def _own_pairs(keys: Sequence[Key]) -> list[tuple[Key, Key]]:
    system = keys[0][0]
    best, population = most_adapted(keys), (system, "none", 0)
    others = [k for k in keys if k not in (best, population)]
    return [(best, population), *((best, k) for k in others), *((k, population) for k in others if k[1] != NO_FACE)]


def most_adapted(keys: Sequence[Key]) -> Key:
    """The system with the most adaptation steps and labels."""
    return max((k for k in keys if k[1] != NO_FACE), key=lambda k: (k[1].count("+"), k[2]))


def _compare(a: pd.DataFrame, b: pd.DataFrame, name_a: str, name_b: str, config: dict[str, Any]) -> Comparison:
    options = {"threshold": config["threshold"], "draws": config["draws"], "seed": config["seed"]}
    return Comparison(name_a, name_b, {m: paired_difference(a, b, m, **options) for m in SHOWN})


def cell(row: dict[str, Any] | None, column: str = "value") -> str:
    """A number with its interval, or that there is none."""
    if row is None or row[column] is None:
        return "undefined"
    sign = "+" if column == "difference" else ""
    return f"{row[column]:{sign}.2f} [{row['low']:{sign}.2f}, {row['high']:{sign}.2f}]"


def headline(folders: Sequence[Path]) -> str:
    """The table and the paired differences as text for a terminal."""
    runs = [read_personal(folder) for folder in folders]
    rows = {name: [cell(r.get(m)) for m in SHOWN] for name, r in table(runs).items()}
    people = max(r["n_participants"] for r in runs[0].results["metrics"])
    lines = [f"held-out people: {people}; mean over people [95 % interval over people]", *_aligned(rows)]
    found, notes = comparisons(runs)
    changes = {f"{c.a} − {c.b}": [cell(c.by_metric[m], "difference") for m in SHOWN] for c in found}
    lines += ["", "paired differences", *_aligned(changes)]
    lines += ["", *(sentence(c) for c in found if c.b != c.a), *notes]
    return "\n".join(lines)


def sentence(comparison: Comparison, metric: str = "mae") -> str:
    """What a comparison shows, in words."""
    verdict = comparison.verdict(metric)
    words = {
        "better": "is better than",
        "worse": "is WORSE than",
        "not shown": "is not shown to differ from",
        "undefined": "cannot be compared with",
    }
    return f"{comparison.a} {words[verdict]} {comparison.b} ({metric.upper()})"


def _aligned(rows: dict[str, list[str]]) -> list[str]:
    width = max(map(len, rows)) + 2
    columns = [max(len(c) for c in [head, *cells]) + 2 for head, cells in zip(SHOWN.values(), zip(*rows.values()))]  # noqa: B905
    lines = [" " * width + "".join(f"{h:<{w}}" for h, w in zip(SHOWN.values(), columns, strict=True))]
    for name, cells in rows.items():
        lines.append(f"{name:<{width}}" + "".join(f"{c:<{w}}" for c, w in zip(cells, columns, strict=True)))
    return [line.rstrip() for line in lines]
