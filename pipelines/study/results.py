"""What a study's `results.json` holds: every model under every protocol, as reported and honestly.

The layout is that of `study_read.SCHEMA`; see `pipelines.study.command`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.evaluation.claims import claim_hash
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.intervals import bounded
from personalize.evaluation.permutation import with_holm
from personalize.evaluation.rows import people_of
from personalize.evaluation.statistics import POOLINGS, mean_over_people, over_draws, statistic
from personalize.evaluation.targets import Target
from personalize.studies.config import Study
from pipelines.personalization.claims import answered, intact
from pipelines.personalization.results import About, by_system, metric_rows, named
from pipelines.personalization.shown import SHOWN
from pipelines.report.study_facts import is_baseline

DRAWS = 2000
"""Permutations of the tests."""


class Part(NamedTuple):
    """All that has been run in one world under one protocol."""

    world: str
    side: str
    """as_reported or honest."""
    table: pd.DataFrame
    about: About
    proof: list[dict[str, Any]]
    findings: list[dict[str, str]]
    skipped: dict[str, str]
    counts: dict[str, Any]
    because: str | None


def numbers_of(study: Study, part: Part) -> dict[str, list[dict[str, Any]]]:
    """What takes long of an entry, and never changes."""
    return {"metrics": metric_rows(part.table, part.about), "comparisons": comparisons(study, part)}


def part_entry(
    study: Study, part: Part, numbers: dict[str, list[dict[str, Any]]], record: dict[str, Any], out: Path
) -> dict[str, Any]:
    """One of `parts`; the claims are compared with what was written down in `out` before anything was tested."""
    kept = intact(out, study.claims, record)
    world = study.worlds[part.world]
    return {
        "world": part.world,
        "about_world": world.about,
        "truth": world.truths[0] if world.truths else None,
        "slot": part.side,
        "protocol": part.about.protocol,
        "leaky": part.about.leaky,
        "because": part.because,
        **numbers,
        "claims": [row for i, claim in enumerate(study.claims) if (row := _claim(study, part, i, record, kept))],
        "proof": part.proof,
        "findings": part.findings,
        "skipped": part.skipped,
        "counts": part.counts,
    }


def comparisons(study: Study, part: Part) -> list[dict[str, Any]]:
    """Every model against the first, and against itself without `+ref`; `p_holm` is adjusted within a metric."""
    tables = {key: some for key, some in by_system(part.table).items() if not is_baseline(key[1:])}
    keys, rows = list(tables), []
    pairs = [(key, keys[0]) for key in keys[1:]]
    pairs += [(a, b) for a in keys for b in keys[1:] if a[1] == f"{b[1]}+ref"]
    metrics = dict.fromkeys([study.metric, *SHOWN[part.about.kind]])
    for a, b in pairs:
        for metric in metrics:
            for pooling in POOLINGS:
                found = paired_difference(tables[a], tables[b], metric, pooling=pooling, **part.about.options())
                rows.append({"a": named(a), "b": named(b), **found})
    return with_holm(rows)


def _claim(study: Study, part: Part, number: int, record: dict[str, Any], kept: bool) -> dict[str, Any] | None:
    """The answer to a claim and what is true in this world; None where one of the claim's sides has not run."""
    claim, truths = study.claims[number], study.worlds[part.world].truths
    tables = {key[1:]: some for key, some in by_system(part.table).items()}
    better, than = (tables.get((side.adaptation, side.k)) for side in (claim.better, claim.than))
    if better is None or than is None:
        return None
    row = answered(claim, _as_often(better, than), _as_often(than, better), part.about, kept=kept)
    truth = truths[number] if truths else None
    return {**row, "truth": truth, "sha256": claim_hash(claim, record)}


def _as_often(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """A baseline, which has one seed, once for each seed of the model that it is compared with."""
    seeds = other["seed"].unique()
    if len(table["seed"].unique()) > 1 or len(seeds) == 1:
        return table
    return pd.concat([table.assign(seed=seed) for seed in seeds], ignore_index=True)


def gaps(study: Study, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """As reported (the first such protocol) less honest, person by person, for every model that has run under both."""
    reported, found = {}, []
    for part in [part for part in parts if part.side == "as_reported"]:
        reported.setdefault(part.world, part)
    for a in reported.values():
        for b in [part for part in parts if part.world == a.world and part.side == "honest"]:
            of_a, of_b = by_system(a.table), by_system(b.table)
            keys = [key for key in of_a if key in of_b and not is_baseline(key[1:])]
            found += [_gap(study, a.world, (a, of_a[key]), (b, of_b[key]), key) for key in keys]
    return found


def _gap(study: Study, world: str, a: Any, b: Any, key: tuple[str, str, int]) -> dict[str, Any]:
    values = [_by_person(study.metric, part, table) for part, table in (a, b)]
    both = sorted(values[0].keys() & values[1].keys())
    change = np.array([values[0][name] - values[1][name] for name in both])
    limits = bounded(mean_over_people(change, [], "as it is"))
    value = limits.pop("value")
    if not both:
        limits["reason"] = "nobody has this number under both protocols"
    return {
        "world": world,
        "adaptation": key[1],
        "k": key[2],
        "metric": study.metric,
        "pooling": "mean_over_participants",
        "as_reported": float(np.mean([values[0][name] for name in both])) if both else None,
        "honest": float(np.mean([values[1][name] for name in both])) if both else None,
        "protocols": [part.about.protocol for part, _ in (a, b)],
        "difference": value,
        **limits,
        "n_participants": len(both),
    }


def _by_person(metric: str, part: Part, table: pd.DataFrame) -> dict[str, float]:
    """The metric of everybody who has it, the mean over seeds."""
    target, draws = Target(part.about.kind, part.about.threshold), people_of(table)
    found = over_draws([statistic(metric, units, target, "mean_over_participants") for units in draws])
    names = draws[0].names[found.counted].tolist()
    return dict(zip(names, np.asarray(found.values)[found.counted].tolist(), strict=True))
