"""`wince personalize`: from a cohort and features to one model per person, and what it is worth."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.cohorts.columns import texts
from personalize.cohorts.features import embedded_features, tabulated_features
from personalize.cohorts.joining import join
from personalize.cohorts.layout import Cohort, choose_target, read_cohort
from personalize.config import PersonalizeConfig
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.permutation import with_holm
from personalize.evaluation.rows import POOLINGS, check_interval, check_rows, interval_rows, score
from personalize.protocols.loso import PROTOCOL, predict_left_out
from pipelines.configuration import to_json
from pipelines.private import hide_name, read_key
from pipelines.run_folder import environment, first_difference, write_json
from pretrain.errors import UserError

SHOWN = ("mae", "ccc", "pcc", "auroc")
"""Metrics of the table printed at the end, and those that `results.json` has all intervals of."""
COMPARED = (*SHOWN, "f1_macro")
"""Metrics of the paired differences."""


def personalize(
    config: PersonalizeConfig, *, cohort: Path, features: Path | None, out: Path, private: Path | None = None
) -> int:
    """Runs the config on a cohort and writes the run folder `out`; the same command again changes nothing.

    `features` is a `features.parquet`, or None for a cohort that has its own `*_features.tsv`; `private` is the key
    file that hides the names in it. Returns the exit code; raises `UserError` for a mistake in the inputs, and then
    writes nothing.
    """
    if features is not None and not features.is_file():
        raise UserError(f"no features at {features}: make them with `wince embed`")
    data = read_cohort(cohort)
    if private is not None:
        data = _with_hidden_videos(data, read_key(private))
    target = choose_target(data, config.target)
    config = replace(config, target=target)
    record = {"config": to_json(config), "inputs": _inputs(data, features)}
    if _is_done(out, record):
        print(f"{out} is done already")
    else:
        _run(config, data, features, target, record, out)
    print(format_results(json.loads((out / "results.json").read_text())))
    return 0


def _with_hidden_videos(data: Cohort, key: bytes) -> Cohort:
    """The cohort with its videos called as in features of clips that were prepared with this key."""
    videos = [hide_name(name, key) if name else "" for name in data.recordings["video"]]
    return replace(data, recordings=data.recordings.assign(video=videos))


def system_name(features: Path | None) -> str:
    """What the features are called in reports: their file's name, or the folder's if that says nothing."""
    if features is None:
        return "table"
    return features.resolve().parent.name if features.stem == "features" else features.stem


def _run(config: PersonalizeConfig, data: Cohort, features: Path | None, target: str, record: dict, out: Path) -> None:
    table, seen = tabulated_features(data) if features is None else embedded_features(data, features)
    rows, joined = join(data, table, target)
    predictions, tested = predict_left_out(rows, config)
    predictions = predictions.assign(system=system_name(features))
    results = {
        "metrics": metric_rows(predictions, config, cohort=data.name, target=target),
        "comparisons": comparison_rows(predictions, config),
        "intervals": all_intervals(predictions, config),
        "counts": {**seen, **joined, **tested},
    }
    check_rows(results["metrics"])
    with _whole_folder(out) as folder:
        predictions.to_parquet(folder / "predictions.parquet", index=False)
        write_json(folder / "config.json", record)
        write_json(folder / "environment.json", environment())
        write_json(folder / "results.json", results)


def metric_rows(
    predictions: pd.DataFrame, config: PersonalizeConfig, *, cohort: str, target: str
) -> list[dict[str, Any]]:
    """All rows of `results.json`'s `metrics`, adaptation by adaptation."""
    rows = []
    for (system, name, k), part in by_system(predictions).items():
        about = {
            "system": system,
            "cohort": cohort,
            "train_cohort": cohort,
            "protocol": PROTOCOL,
            "leaky": False,
            "oracle": False,
            "adaptation": name,
            "k": k,
            "target": target,
            "level": "clip",
            "subgroup": None,
        }
        scores = score(part, threshold=config.threshold, seed=config.seed)
        rows += [{**about, **found} for found in scores]
    return rows


def comparison_rows(predictions: pd.DataFrame, config: PersonalizeConfig) -> list[dict[str, Any]]:
    """Every adaptation against the first of the config, and each combination against its first part alone.

    `p_holm` is adjusted for all pairs of one metric and pooling.
    """
    parts = by_system(predictions)
    rows = []
    for a, b in _pairs(list(parts)):
        for metric in COMPARED:
            for pooling in POOLINGS:
                options = {"threshold": config.threshold, "draws": config.draws, "seed": config.seed}
                found = paired_difference(parts[a], parts[b], metric, pooling=pooling, **options)
                check_interval(found, found["difference"], f"{a} against {b}, {metric}")
                rows.append({"a": _named(a), "b": _named(b), **found})
    return with_holm(rows)


def all_intervals(predictions: pd.DataFrame, config: PersonalizeConfig) -> list[dict[str, Any]]:
    """The default interval of the metrics shown beside the bootstraps and the one over frames, system by system."""
    options = {"threshold": config.threshold, "draws": config.draws, "seed": config.seed}
    parts = by_system(predictions).items()
    return [{**_named(key), **row} for key, part in parts for row in interval_rows(part, SHOWN, **options)]


def by_system(predictions: pd.DataFrame) -> dict[tuple[str, str, int], pd.DataFrame]:
    """Predictions of each (system, adaptation, k), in the order in which they first occur."""
    names = [texts(predictions, column).tolist() for column in ("system", "adaptation")]
    keys = list(zip(*names, map(int, predictions["k"]), strict=True))
    rows = {key: [i for i, other in enumerate(keys) if other == key] for key in dict.fromkeys(keys)}
    return {key: predictions.iloc[index] for key, index in rows.items()}


def _named(key: tuple[str, str, int]) -> dict[str, Any]:
    return dict(zip(("system", "adaptation", "k"), key, strict=True))


def _pairs(keys: list[tuple[str, str, int]]) -> Iterator[tuple[tuple, tuple]]:
    for key in keys[1:]:
        yield key, keys[0]
    for key in keys:
        first, plus, _ = key[1].partition("+")
        if plus:
            yield from ((key, other) for other in keys[1:] if other[1] == first)


def format_results(results: dict[str, Any]) -> str:
    """The results as lines of text: mean over participants with 95 % intervals, then paired differences."""
    rows = [row for row in results["metrics"] if row["pooling"] == POOLINGS[0] and row["metric"] in SHOWN]
    if not rows:
        return "no results"
    first = rows[0]
    lines = [
        f"{first['cohort']}, {first['target']}, {first['protocol']}, {first['system']}: "
        f"mean over {max(row['n_participants'] for row in rows)} participants [95 %]"
    ]
    lines += _table(rows, "value", lambda row: (row["adaptation"], row["k"]), lambda key: f"{key[0]} k={key[1]}")
    changes = [r for r in results["comparisons"] if r["pooling"] == POOLINGS[0] and r["metric"] in SHOWN]
    if changes:
        lines += ["", "paired differences [95 %]"]
        lines += _table(
            changes, "difference", lambda r: tuple((r[s]["adaptation"], r[s]["k"]) for s in "ab"),
            lambda key: " - ".join(f"{name} k={k}" for name, k in key),
        )  # fmt: skip
    if any(row["few_participants"] and row["difference"] is not None for row in changes):
        lines.append("fewer than 20 participants: no interval can be relied on")
    return "\n".join(lines)


def _table(rows: list[dict], column: str, key: Any, label: Any) -> list[str]:
    keys = list(dict.fromkeys(key(row) for row in rows))
    cells = {(key(row), row["metric"]): row for row in rows}
    width = max(len(label(k)) for k in keys) + 2
    lines = [" " * width + "".join(f"{metric:<24}" for metric in SHOWN)]
    for k in keys:
        text = (_cell(cells[k, metric], column) for metric in SHOWN)
        lines.append(f"{label(k):<{width}}" + "".join(f"{cell:<24}" for cell in text))
    return [line.rstrip() for line in lines]


def _cell(row: dict[str, Any], column: str) -> str:
    if row[column] is None:
        return "undefined"
    sign = "+" if column == "difference" else ""
    return " ".join([f"{row[column]:{sign}.3f}", f"[{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"])


def _inputs(data: Cohort, features: Path | None) -> dict[str, str]:
    """What beside the config decides the result, files by their checksum."""
    ratings = hashlib.sha256(data.ratings.to_csv(index=False).encode()).hexdigest()
    return {
        "system": system_name(features),
        "cohort": data.name,
        "features": _features_checksum(data, features),
        "ratings": ratings,
    }


def _features_checksum(data: Cohort, features: Path | None) -> str:
    digest = hashlib.sha256()
    tables = [data.root / name for name in data.recordings["features"] if name]
    for file in tables if features is None else [features]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _is_done(out: Path, record: dict[str, Any]) -> bool:
    """Whether `out` holds just this run; raises `UserError` when it holds another or something else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / "results.json").is_file() or not (out / "config.json").is_file():
        raise UserError(f"{out} is neither empty nor a finished run: choose another --out")
    before = json.loads((out / "config.json").read_text())
    if different := first_difference(before, json.loads(json.dumps(record))):
        raise UserError(f"{out} belongs to another run: {different}; choose another --out, or repeat its command")
    return True


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """A scratch folder (0700) beside `out` that becomes `out` at the end, or vanishes on any error."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "run"
        folder.mkdir(mode=0o700)
        yield folder
        folder.rename(out)
