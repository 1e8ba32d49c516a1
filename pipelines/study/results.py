"""What a study's `results.json` holds: every model under every protocol, as reported and honestly.

The layout is that of schema "wince-study/1"; see `pipelines.study.command`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.evaluation.baselines import BASELINES
from personalize.evaluation.claims import UNDEFINED, answer, claim_hash
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.intervals import bounded
from personalize.evaluation.people import person_values
from personalize.evaluation.permutation import with_holm
from personalize.evaluation.rows import people_of
from personalize.evaluation.statistics import POOLINGS, mean_over_people
from personalize.evaluation.targets import Target
from personalize.protocols.base import LEAKY
from personalize.protocols.neutral import ORACLE
from personalize.studies.cells import PRIOR
from personalize.studies.config import Study, System
from pipelines.personalization.claims import CHANGED, intact
from pipelines.personalization.results import About, by_system, metric_rows, named
from pipelines.personalization.shown import SHOWN

SCHEMA = "wince-study/1"
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


def part_entry(study: Study, part: Part, record: dict[str, Any], out: Path) -> dict[str, Any]:
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
        "metrics": metric_rows(part.table, part.about),
        "comparisons": comparisons(study, part),
        "claims": [row for i, claim in enumerate(study.claims) if (row := _claim(study, part, i, record, kept))],
        "proof": part.proof,
        "findings": part.findings,
        "skipped": part.skipped,
        "counts": part.counts,
    }


def comparisons(study: Study, part: Part) -> list[dict[str, Any]]:
    """Every model against the first, and against itself without `+ref`; `p_holm` is adjusted within a metric."""
    tables = {key: some for key, some in by_system(part.table).items() if key[1] not in (*BASELINES, PRIOR)}
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
    words = {w for side in (claim.better, claim.than) for w in part.about.marks.get(f"{side.adaptation} {side.k}", [])}
    words |= {LEAKY} if part.about.leaky else set()
    marks = [word for word in (LEAKY, ORACLE) if word in words]
    than, better = _as_often(than, better), _as_often(better, than)
    row = answer(claim, better, than, threshold=part.about.threshold, kind=part.about.kind, marks=marks)
    if not kept:
        row |= {"verdict": " ".join([UNDEFINED, *marks]), "reason": CHANGED}
    truth = truths[number] if truths else None
    return {**row, "truth": truth, "sha256": claim_hash(claim, record), "verified": kept}


def _as_often(table: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """A baseline, which has one seed, once for each seed of the model that it is compared with."""
    seeds = other["seed"].unique()
    if len(table["seed"].unique()) > 1 or len(seeds) == 1:
        return table
    return pd.concat([table.assign(seed=seed) for seed in seeds], ignore_index=True)


def gaps(study: Study, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """As reported less honest, person by person, for every model that has run under the first protocol of each."""
    found = []
    for world in dict.fromkeys(part.world for part in parts):
        here = [part for part in parts if part.world == world]
        first = {side: next((p for p in here if p.side == side), None) for side in ("as_reported", "honest")}
        a, b = first["as_reported"], first["honest"]
        if a is None or b is None:
            continue
        of_a, of_b = by_system(a.table), by_system(b.table)
        keys = [key for key in of_a if key in of_b and key[1] not in (*BASELINES, PRIOR)]
        found += [_gap(study, world, (a, of_a[key]), (b, of_b[key]), key) for key in keys]
    return found


def _gap(study: Study, world: str, a: Any, b: Any, key: tuple[str, str, int]) -> dict[str, Any]:
    values = [_by_person(study.metric, part, table) for part, table in (a, b)]
    both = sorted(values[0].keys() & values[1].keys())
    change = np.array([values[0][name] - values[1][name] for name in both])
    limits = bounded(mean_over_people(change, [], "as it is"))
    value = limits.pop("value")
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
    target, sums = Target(part.about.kind, part.about.threshold), {}
    for units in people_of(table):
        values, _ = person_values(metric, units, target)
        for name, value in zip(units.names.tolist(), values.tolist(), strict=True):
            if np.isfinite(value):
                sums.setdefault(name, []).append(value)
    return {name: float(np.mean(some)) for name, some in sums.items()}


def system_entry(name: str, system: System) -> dict[str, Any]:
    """What is known of the system."""
    return {
        "name": name,
        "number": system.number,
        "authors": system.authors,
        "year": system.year,
        "title": system.title,
        "status": system.status,
        "inferred": list(system.inferred),
        "data_substitute": system.data_substitute,
        "reported": [
            {"what": r.what, "metric": r.metric, "value": r.value, "text": r.text, "mark": r.mark}
            for r in system.reported
        ],
    }
