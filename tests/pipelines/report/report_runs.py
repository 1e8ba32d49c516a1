"""Small finished runs for the tests of the report, made once in a process, and what can be wrong with them."""

import functools
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.claims import ClaimConfig, ClaimSide
from pipelines.cohort_import import cohort_import
from pipelines.personalization import personalize
from tests.personalize.cohorts.cohort_worlds import linear_world

_kept = tempfile.TemporaryDirectory(prefix="wince-test-report-")
CELLS = (("none", 0), ("reference+ridge", 1), ("reference+ridge", 3), ("participant_prior", 3))
CLAIM = ClaimConfig(says="three labels help", metric="mae", direction="lower", delta=0.1,
                    better=ClaimSide("reference+ridge", 3), than=ClaimSide("none"))  # fmt: skip
CLASSES = ("<i>calm</i>", 'a & "b"')


@functools.cache
def numbers_run(name: str = "good", blur: float = 0.0) -> Path:
    """A run on a linear world whose features are blurred by noise; of eight people one is of another sex."""
    folder = Path(_kept.name) / name
    folder.mkdir()
    cohort, file = linear_world(folder, people=8, units=10, width=4, differ=0.4)
    people = pd.read_csv(cohort / "participants.tsv", sep="\t", dtype=str)
    people["sex"] = ["M"] + ["F"] * 7
    people.to_csv(cohort / "participants.tsv", sep="\t", index=False)
    about = {"Name": "linear world", "License": "CC0", "KnownCaveats": ["invented"]}
    (cohort / "dataset_description.json").write_text(json.dumps(about))
    features = pd.read_parquet(file)
    columns = [c for c in features if c.startswith("f") and c[1:].isdecimal()]
    features[columns] += blur * np.random.default_rng(1).normal(size=features[columns].shape)
    features.to_parquet(folder / f"{name}.parquet")
    cells = tuple(AdaptationConfig(*cell) for cell in CELLS)
    config = PersonalizeConfig(adaptations=cells, claims=(CLAIM,))
    personalize(config, cohort=cohort, features=folder / f"{name}.parquet", out=folder / "run")
    return folder / "run"


@functools.cache
def classes_run() -> Path:
    """A run on a table of two classes whose names are markup; nobody knows who rated."""
    folder = Path(_kept.name) / "classes"
    folder.mkdir()
    rng, people, each = np.random.default_rng(0), 6, 16
    word = np.tile([0, 1, 0, 0], people * each // 4)
    table = {"who": np.repeat([f"p{i}" for i in range(people)], each), "when": np.tile(np.arange(each), people)}
    table |= {"word": np.array(CLASSES)[word], "AU04": rng.normal(size=len(word)) + 1.5 * word}
    pd.DataFrame(table).to_csv(folder / "table.csv", index=False)
    given = {"participant": "who", "target": "word", "features": "AU*", "order": "when"}
    cohort_import(folder / "table.csv", **given, out=folder / "cohort")
    cells = (AdaptationConfig("none"), AdaptationConfig("ridge", 1))
    config = PersonalizeConfig(target=None, threshold=None, adaptations=cells)
    personalize(config, cohort=folder / "cohort", features=None, out=folder / "run")
    return folder / "run"


def changed(run: Path, out: Path, change: Any) -> Path:
    """A copy of a run with other results; `change` takes them and returns the new ones."""
    shutil.copytree(run, out)
    results = change(json.loads((run / "results.json").read_text()))
    (out / "results.json").write_text(json.dumps(results))
    return out


def renamed(value: Any, names: dict[str, str]) -> Any:
    """JSON values in which texts, and parts of them, are others."""
    if isinstance(value, dict):
        return {renamed(key, names): renamed(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    for old, new in names.items() if isinstance(value, str) else ():
        value = value.replace(old, new)
    return value


def with_names(run: Path, out: Path, names: dict[str, str]) -> Path:
    """A copy of a run whose people have other names."""
    changed(run, out, lambda results: renamed(results, names))
    table = pd.read_parquet(out / "predictions.parquet")
    for column in ("participant", "recording", "fold"):
        table[column] = [renamed(each, names) for each in table[column].astype(str)]
    table.to_parquet(out / "predictions.parquet")
    return out


def grown(run: Path, out: Path, people: int) -> Path:
    """A copy of a run with the predictions and the ledger of many more people; its metrics stay those of the few."""
    table = pd.read_parquet(run / "predictions.parquet")
    few = sorted(table["participant"].unique())
    names = [f"sub-{number:04d}" for number in range(people)]
    parts = {name: table[table["participant"] == name] for name in few}

    def many(results: dict[str, Any]) -> dict[str, Any]:
        told = results["participants"]
        told["rows"] = [{**told["rows"][i % len(few)], "participant": name} for i, name in enumerate(names)]
        for each in told["worst"]:
            each["participants"] = names[:10]
        fold = results["proof"][0]
        results["proof"] = [
            {**fold, "fold": name, "train": [n for n in names if n != name], "calibration": [name], "test": [name]}
            for name in names
        ]
        return results

    changed(run, out, many)
    tables = [parts[few[i % len(few)]].assign(participant=name, fold=name) for i, name in enumerate(names)]
    pd.concat(tables, ignore_index=True).to_parquet(out / "predictions.parquet")
    return out
