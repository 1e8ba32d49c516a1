"""What runs say, gathered for the page and the terminal: rows with intervals, and paired differences."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.evaluation.baselines import NO_FACE
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.evaluation.rows import POOLINGS, RowError, check_interval, check_rows, primary_pooling
from pipelines.personalization.results import adaptations_of
from pipelines.personalization.shown import SHOWN as METRICS_OF
from pipelines.personalization.text import ordinal, primary_rows
from pretrain.errors import RunFailure, UserError

HEADS = {
    "mae": "MAE ↓",
    "ccc": "CCC ↑",
    "pcc": "PCC ↑",
    "auroc": "AUROC ↑",
    "accuracy": "accuracy ↑",
    "balanced_accuracy": "balanced accuracy ↑",
    "f1_macro": "F1 (macro) ↑",
    "brier": "Brier score ↓",
    "kappa_quadratic": "quadratic κ ↑",
}
"""Metrics of the tables; the arrow says which way is better."""
ADAPTATIONS = {
    "none": "population model",
    "reference": "neutral reference",
    "normalise": "standardised per person",
    "normalise_all": "standardised per person, transductive",
    "ridge": "personalised",
    "reference+ridge": "neutral reference + personalised",
    "normalise+ridge": "standardised per person + personalised",
    "participant_prior": "own labels only, no face",
    "majority": "mean or commonest class of other people",
    "elapsed_time": "nothing but the time",
    "pspi": "PSPI formula",
    "permuted_within": "population model of labels permuted within people",
    "permuted_across": "population model of labels permuted over people",
    "participant_oracle": "mean of the person's own test labels",
    "previous_label": "the label before",
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


def shown(runs: Sequence[PersonalRun]) -> dict[str, str]:
    """Metrics of the tables and what they are called: those of the first run's kind of target."""
    kind = runs[0].results["target"]["metrics"] if runs else "numeric"
    return {metric: HEADS[metric] for metric in METRICS_OF[kind]}


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
    return name if adaptation in NO_FACE else f"{system}: {name}"


def table(runs: Sequence[PersonalRun]) -> dict[str, dict[str, dict[str, Any]]]:
    """label -> metric -> row, in the order of the runs; a row that no features enter stands once.

    Raises `UserError` when two runs have features of one name, whose rows could not be told apart.
    """
    systems = [run.results["metrics"][0]["system"] for run in runs]
    for folder, system in zip([run.folder for run in runs], systems, strict=True):
        if systems.count(system) > 1:
            raise UserError(f"{folder}: another run has features named {system!r} too; name the feature files apart")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    metrics = shown(runs)
    for row in (row for run in runs for row in primary_rows(run.results["metrics"])):
        if row["metric"] in metrics and row["subgroup"] is None:
            name = " ".join([label((row["system"], row["adaptation"], row["k"])), *marks(row)])
            found.setdefault(name, {}).setdefault(row["metric"], row)
    return found


def marks(row: dict[str, Any]) -> list[str]:
    """Words that no number of a row goes without."""
    words = {"LEAKY": row["leaky"], "ORACLE": row["oracle"]}
    words |= {word: word in row["protocol"] for word in ("order: none", "transductive")}
    return [word for word, holds in words.items() if holds]


def comparisons(runs: Sequence[PersonalRun]) -> tuple[list[Comparison], list[str]]:
    """The paired differences that answer the questions, and notes on those that could not be made.

    Within the first run: is adapting worth anything? Between runs: does the first run's encoder beat the other
    features, adapted alike?
    """
    first = runs[0]
    own = adaptations_of(first.predictions)
    pairs = [(a, b) for a, b in _own_pairs(list(own)) if b in own] if "population" not in first.results else []
    done = [_compare(own[a], own[b], label(a), label(b), first) for a, b in pairs]
    notes = []
    for other in runs[1:]:
        theirs = {key[1:]: (key, part) for key, part in adaptations_of(other.predictions).items()}
        for key in (k for k in own if k[1] not in NO_FACE and k[1:] in theirs):
            if key[1] not in ("none", most_adapted(list(own))[1]):
                continue
            other_key, part = theirs[key[1:]]
            try:
                done.append(_compare(own[key], part, label(key), label(other_key), first))
            except UserError as error:
                notes.append(f"{label(key)} against {label(other_key)}: {error}")
    return done, notes


def about_people(run: PersonalRun) -> str | None:
    """What a reader has to know of who was tested: development people, or the same test people as before."""
    if best := run.results.get("chosen"):
        return (f"{run.folder.name}: development people only, and step {best['step']} was chosen on them: "
                "these numbers flatter it; score it once on the test people")  # fmt: skip
    final = run.results.get("evaluation")
    if final and final["times"] > 1:
        return f"{run.folder.name}: evaluated on these people for the {ordinal(final['times'])} time"
    return None


def _own_pairs(keys: Sequence[Key]) -> list[tuple[Key, Key]]:
    system = keys[0][0]
    best, population = most_adapted(keys), (system, "none", 0)
    others = [k for k in keys if k not in (best, population)]
    return [(best, population), *((best, k) for k in others), *((k, population) for k in others if k[1] not in NO_FACE)]


def most_adapted(keys: Sequence[Key]) -> Key:
    """The system with the most adaptation steps and labels."""
    return max((k for k in keys if k[1] not in NO_FACE), key=lambda k: (k[1].count("+"), k[2]))


def _compare(a: pd.DataFrame, b: pd.DataFrame, name_a: str, name_b: str, run: PersonalRun) -> Comparison:
    kind, config = run.results["target"]["metrics"], run.config
    options = {"threshold": config["threshold"], "draws": config["draws"], "seed": config["seed"], "kind": kind}
    found = {
        metric: {pooling: paired_difference(a, b, metric, pooling=pooling, **options) for pooling in POOLINGS}
        for metric in METRICS_OF[kind]
    }
    primary = primary_pooling([row for rows in found.values() for row in rows.values()])
    return Comparison(name_a, name_b, {metric: rows[primary[metric]] for metric, rows in found.items()})


def cell(row: dict[str, Any] | None, column: str = "value") -> str:
    """A number with its interval, or that there is none; a star where it is of all units pooled."""
    if row is None or row[column] is None:
        return "undefined"
    sign = "+" if column == "difference" else ""
    pooled = " *" if row["pooling"] != POOLINGS[0] else ""
    return f"{row[column]:{sign}.2f} [{row['low']:{sign}.2f}, {row['high']:{sign}.2f}]{pooled}"


def headline(folders: Sequence[Path]) -> str:
    """The table and the paired differences as text for a terminal."""
    runs = [read_personal(folder) for folder in folders]
    metrics = shown(runs)
    rows = {name: [cell(r.get(m)) for m in metrics] for name, r in table(runs).items()}
    people = max(r["n_participants"] for r in runs[0].results["metrics"])
    about = f"held-out people: {people}; mean over people (* pooled) [95 % interval over people]"
    lines = [about, *_aligned(rows, metrics)]
    found, notes = comparisons(runs)
    changes = {f"{c.a} − {c.b}": [cell(c.by_metric[m], "difference") for m in metrics] for c in found}
    lines += ["", "paired differences", *_aligned(changes, metrics)]
    lines += ["", *(sentence(c) for c in found if c.b != c.a), *notes]
    return "\n".join(lines)


def sentence(comparison: Comparison) -> str:
    """What a comparison shows by the first of its metrics, in words."""
    metric = next(iter(comparison.by_metric))
    verdict = comparison.verdict(metric)
    words = {
        "better": "is better than",
        "worse": "is WORSE than",
        "not shown": "is not shown to differ from",
        "undefined": "cannot be compared with",
    }
    return f"{comparison.a} {words[verdict]} {comparison.b} ({HEADS[metric][:-2]})"


def _aligned(rows: dict[str, list[str]], heads: dict[str, str]) -> list[str]:
    width = max(map(len, rows)) + 2
    columns = [max(len(c) for c in [head, *cells]) + 2 for head, cells in zip(heads.values(), zip(*rows.values()))]  # noqa: B905
    lines = [" " * width + "".join(f"{h:<{w}}" for h, w in zip(heads.values(), columns, strict=True))]
    for name, cells in rows.items():
        lines.append(f"{name:<{width}}" + "".join(f"{c:<{w}}" for c, w in zip(cells, columns, strict=True)))
    return [line.rstrip() for line in lines]
