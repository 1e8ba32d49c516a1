"""What `results.json` holds: every number with its interval over people."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.cohorts.columns import floats, texts
from personalize.evaluation.baselines import BASELINES, ORACLES
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.permutation import with_holm
from personalize.evaluation.predictive import coverage, harmed
from personalize.evaluation.rows import POOLINGS, check_interval, interval_rows, score
from personalize.protocols.neutral import ORACLE
from pipelines.personalization.shown import COMPARED, SHOWN

Key = tuple[str, str, int]
"""system, adaptation, k."""


class About(NamedTuple):
    """What all rows of a run share."""

    cohort: str
    train_cohort: str
    protocol: str
    leaky: bool
    target: str
    kind: str
    """As `evaluation.targets` has it."""
    threshold: float | None
    seeds: list[int]
    marks: dict[str, list[str]]
    """Words that go with an adaptation, by "name k"."""
    draws: int
    """Bootstrap resamples and permutations."""
    seed: int

    def options(self) -> dict[str, Any]:
        """Of the functions of `personalize.evaluation`."""
        return {"threshold": self.threshold, "draws": self.draws, "seed": self.seed, "kind": self.kind}


def metric_rows(predictions: pd.DataFrame, about: About) -> list[dict[str, Any]]:
    """All rows of `results.json`'s `metrics`, adaptation by adaptation."""
    rows = []
    for (system, name, k), part in by_system(predictions).items():
        marks = about.marks.get(f"{name} {k}", [])
        words = [mark for mark in marks if mark != ORACLE and mark not in about.protocol]
        fixed = {
            "system": system,
            "cohort": about.cohort,
            "train_cohort": about.train_cohort,
            "protocol": " ".join([about.protocol, *words]),
            "leaky": about.leaky,
            "oracle": name in ORACLES or ORACLE in marks,
            "adaptation": name,
            "k": k,
            "target": about.target,
            "level": "clip",
            "subgroup": None,
        }
        scores = score(part, threshold=about.threshold, seed=about.seed, kind=about.kind)
        rows += [{**fixed, **found, "seeds": about.seeds} for found in scores]
    return rows


def comparison_rows(predictions: pd.DataFrame, about: About) -> list[dict[str, Any]]:
    """Every adaptation against `none`, and each combination against its first part alone.

    `p_holm` is adjusted for all pairs of one metric and pooling.
    """
    parts = adaptations_of(predictions)
    rows = []
    for a, b in pairs(list(parts)):
        for metric in COMPARED[about.kind]:
            for pooling in POOLINGS:
                found = paired_difference(parts[a], parts[b], metric, pooling=pooling, **about.options())
                check_interval(found, found["difference"], f"{a} against {b}, {metric}")
                rows.append({"a": named(a), "b": named(b), **found})
    return with_holm(rows)


def all_intervals(predictions: pd.DataFrame, about: About) -> list[dict[str, Any]]:
    """The default interval of the metrics shown beside the bootstraps and the one over frames, system by system."""
    found = []
    for key, part in adaptations_of(predictions).items():
        found += [{**named(key), **row} for row in interval_rows(part, SHOWN[about.kind], **about.options())]
    return found


def coverage_rows(predictions: pd.DataFrame, about: About) -> list[dict[str, Any]]:
    """How often predictive intervals of 80 and 95 % hold the label; numbers only."""
    if about.kind not in ("numeric", "ordinal"):
        return []
    parts = by_system(predictions).items()
    return [{**named(key), **row} for key, part in parts if key[1] not in ORACLES for row in coverage(part)]


def harmed_rows(predictions: pd.DataFrame, about: About, delta: float) -> list[dict[str, Any]]:
    """The share of people worse than under `none` by more than `delta`."""
    parts = adaptations_of(predictions)
    alone = next(iter(parts.values()))
    others = list(parts.items())[1:]
    return [{**named(key), **harmed(part, alone, about.kind, delta)} for key, part in others]


def by_system(predictions: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    """Predictions of each (system, adaptation, k), in the order in which they first occur."""
    names = [texts(predictions, column).tolist() for column in ("system", "adaptation")]
    rows: dict[Key, list[int]] = {}
    for index, key in enumerate(zip(*names, map(int, predictions["k"]), strict=True)):
        rows.setdefault(key, []).append(index)
    return {key: predictions.iloc[index] for key, index in rows.items()}


def adaptations_of(predictions: pd.DataFrame) -> dict[Key, pd.DataFrame]:
    """The same without the baselines; `none` is the first."""
    return {key: part for key, part in by_system(predictions).items() if key[1] not in BASELINES}


def pairs(keys: list[Key]) -> Iterator[tuple[Key, Key]]:
    """What is compared: each with the first, then each with its first part at the same k, or at none."""
    for key in keys[1:]:
        yield key, keys[0]
    for key in keys:
        first, plus, _ = key[1].partition("+")
        if plus:
            yield from ((key, other) for other in keys[1:] if other[1] == first and other[2] in (0, key[2]))


def delta_of(harm: float | None, predictions: pd.DataFrame, kind: str) -> float:
    """From which growth of their error on a person is called harmed."""
    if harm is not None:
        return harm
    return 0.1 * float(np.std(floats(predictions, "truth"))) if kind in ("numeric", "ordinal") else 0.05


def named(key: Key) -> dict[str, Any]:
    """The keys that say which adaptation a row is of."""
    return dict(zip(("system", "adaptation", "k"), key, strict=True))
