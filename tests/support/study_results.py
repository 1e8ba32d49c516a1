"""Results of study runs as the engine writes them, made by the functions that make real ones, from drawn predictions.

A tiny cohort, two worlds (the claim is true in the first, false in the second), two slots, three models, baselines.
"""

import copy
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from personalize.evaluation.claims import ClaimConfig, ClaimSide, answer, claim_hash
from personalize.evaluation.comparison import paired_difference
from personalize.protocols.audit import audit, proof
from personalize.protocols.base import Protocol, marked
from personalize.protocols.leaky import RandomFrame
from personalize.protocols.people import GroupKFold
from personalize.protocols.units import read_units
from pipelines.personalization.results import About, comparison_rows, metric_rows

NAME, SEEDS = "s36_rezaei_2021", (0, 1, 2)
PEOPLE, UNITS = 12, 16
PRIMARY = {"metric": "accuracy", "pooling": "mean_over_participants"}
MODELS = ("single_frame", "pixel_stack", "pairwise")
BASELINES = ("majority", "elapsed_time", "permuted_within", "participant_oracle", "previous_label")
WORLDS = {"natural": (True, "Faces at rest differ from person to person."), "one_face": (False, "All rest alike.")}
SLOTS: dict[str, Protocol] = {"as_reported": RandomFrame(n_splits=4), "honest": GroupKFold(n_splits=4)}
RIGHT = {
    ("as_reported", "natural"): (0.86, 0.88, 0.93),
    ("as_reported", "one_face"): (0.9, 0.9, 0.9),
    ("honest", "natural"): (0.36, 0.42, 0.55),
    ("honest", "one_face"): (0.55, 0.53, 0.55),
}
"""Share of units that the models know; of the others they call a class by chance."""
CLAIM = ClaimConfig(says="With a reference of the same person the network is better than on a single frame",
                    metric="accuracy", direction="higher", delta=0.02, better=ClaimSide("pairwise"),
                    than=ClaimSide("single_frame"))  # fmt: skip
STUDY = {
    "name": NAME,
    "number": 36,
    "authors": "Rezaei et al.",
    "year": 2021,
    "title": "Unobtrusive pain monitoring in older adults",
    "status": "partial",
    "inferred": ["loss: squared error, for the paper's was not readable", "references: three, as in the released demo"],
    "data_substitute": "phantoms of 'dementia'; the recordings of care homes are not public",
    "reported": [
        {"what": "accuracy, 3 classes", "metric": "accuracy", "value": 0.89, "text": "> 89 %", "mark": "paper·abs"},
        {"what": "area under the curve", "metric": "auroc", "value": 0.93, "text": "0.93", "mark": "recall-"},
    ],
}


def study_results(**changes: Any) -> dict[str, Any]:
    """Results of a finished run of default size; `changes` replace top-level keys, those of `study` are merged."""
    found = copy.deepcopy(_finished())
    study = changes.pop("study", {})
    return found | {"study": found["study"] | study} | changes


def write_study(folder: Path, results: dict[str, Any]) -> Path:
    """A run folder with these results."""
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps(results, allow_nan=False))
    config = {"config": {"metric": results["primary"]["metric"]}, "inputs": {"study": results["study"]["name"]}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "environment.json").write_text(json.dumps({"python": "3.11", "commit": "0123456789abcdef"}))
    return folder


def study_run(folder: Path, **changes: Any) -> Path:
    """A run folder, its results changed."""
    return write_study(folder, study_results(**changes))


@functools.cache
def _finished() -> dict[str, Any]:
    parts = [_part(world, slot) for world in WORLDS for slot in SLOTS]
    return {
        "schema": "wince-study/1",
        "study": STUDY,
        "size": "default",
        "smoke": False,
        "encoder": None,
        "referenced": False,
        "primary": PRIMARY,
        "cells": [
            {"world": world, "slot": slot, "protocol": marked(SLOTS[slot]), "model": model, "seed": seed, "done": True}
            for world in WORLDS for slot in SLOTS for model in MODELS for seed in SEEDS
        ],
        "parts": parts,
        "gaps": [_gap(world, model) for world in WORLDS for model in MODELS],
    }  # fmt: skip


def _part(world: str, slot: str) -> dict[str, Any]:
    protocol, table = SLOTS[slot], _predictions(world, slot)
    name = marked(protocol)
    about = About("dementia", "dementia", name, protocol.leaky, "pain_3", "class", None, [*SEEDS], {}, draws=40, seed=0)
    units = read_units(_units())
    folds = list(protocol.folds(None, None, units))
    truth, text = WORLDS[world]
    return {
        "world": world,
        "about_world": text,
        "truth": truth,
        "slot": slot,
        "protocol": name,
        "leaky": protocol.leaky,
        "because": "frames of the person who is tested were trained on" if protocol.leaky else None,
        "metrics": [row | {"system": NAME} for row in metric_rows(table, about)],
        "comparisons": comparison_rows(table, about),
        "claims": [_claim(world, slot)],
        "proof": [proof(fold, units) for fold in folds],
        "findings": [
            {"where": fold.name, **found._asdict()} for fold in folds for found in audit(fold, units)
        ],
        "skipped": {"pspi": "the features are no action units"},
        "counts": {"participants": PEOPLE, "participants_tested": PEOPLE, "units": PEOPLE * UNITS},
    }  # fmt: skip


def _units() -> pd.DataFrame:
    people = np.repeat([f"sub-{i:02d}" for i in range(PEOPLE)], UNITS)
    onset = np.tile(np.arange(UNITS, dtype=float), PEOPLE)
    return pd.DataFrame({"participant": people, "recording": people, "t0": onset, "t1": onset + 1})


@functools.cache
def _predictions(world: str, slot: str) -> pd.DataFrame:
    """Rows of all systems, and one person who never has pain."""
    rng = np.random.default_rng([[*WORLDS].index(world), [*SLOTS].index(slot)])
    units = _units()
    truth = np.tile(np.array([0, 0, 1, 0, 0, 2, 0, 1], float), PEOPLE * UNITS // 8)
    truth[units["participant"] == "sub-00"] = 0.0
    luck = rng.uniform(size=len(truth))
    other = rng.integers(0, 3, len(truth)).astype(float)
    share = dict(zip(MODELS, RIGHT[slot, world], strict=True)) | {name: i / 20 for i, name in enumerate(BASELINES)}
    found = {name: np.where(luck < right, truth, other) for name, right in share.items()}
    found |= {"majority": np.zeros(len(truth)), "previous_label": np.roll(truth, 1)}
    tables = [
        units.rename(columns={"t0": "onset"}).assign(
            seed=0, system=NAME, adaptation=name, k=0, truth=truth, prediction=each
        )
        for name, each in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def _of(world: str, slot: str, model: str) -> pd.DataFrame:
    table = _predictions(world, slot)
    return table[table["adaptation"] == model]


def _claim(world: str, slot: str) -> dict[str, Any]:
    sides = [_of(world, slot, side.adaptation) for side in (CLAIM.better, CLAIM.than)]
    marks = ["LEAKY"] if SLOTS[slot].leaky else []
    found = answer(CLAIM, *sides, threshold=None, kind="class", marks=marks)
    return {**found, "sha256": claim_hash(CLAIM, NAME), "verified": True}


def _gap(world: str, model: str) -> dict[str, Any]:
    sides = [_of(world, slot, model) for slot in SLOTS]
    found = paired_difference(*sides, **PRIMARY, threshold=None, kind="class", draws=40)
    means = [float((each["prediction"] == each["truth"]).mean()) for each in sides]
    kept = ("difference", "low", "high", "interval", "n_participants", "reason")
    return {
        "world": world,
        "adaptation": model,
        "k": 0,
        **PRIMARY,
        **dict(zip(SLOTS, means, strict=True)),
        "protocols": [marked(protocol) for protocol in SLOTS.values()],
        **{key: found[key] for key in kept},
    }
