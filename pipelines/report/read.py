"""Runs as they lie on disk."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.evaluation.rows import RowError, check_interval, check_rows
from pretrain.errors import RunFailure, UserError

RESULTS, TRAINING = "results.json", "metrics.jsonl"


@dataclass(frozen=True)
class PersonalRun:
    """A finished `wince personalize` run."""

    folder: Path
    config: dict[str, Any]
    results: dict[str, Any]
    predictions: pd.DataFrame


def check_folder(folder: Path) -> None:
    """Raises `UserError` unless the folder is a finished personalize run, or a pretraining run that has begun."""
    if not folder.is_dir():
        raise UserError(f"no run folder {folder}")
    if any((folder / name).is_file() for name in (RESULTS, TRAINING)):
        return
    if (folder / "config.json").is_file():
        raise UserError(f"{folder} is not a finished run: it has no {RESULTS} yet; the command that began it goes on")
    raise UserError(f"{folder} holds neither {RESULTS} nor {TRAINING}: not a finished run")


def read_personal(folder: Path) -> PersonalRun:
    """Reads a run; refuses one with a number that lacks its interval.

    Raises `UserError` when the folder is no personalize run, `RunFailure` when its rows may not be shown.
    """
    try:
        results = json.loads((folder / RESULTS).read_text())
        config = json.loads((folder / "config.json").read_text())["config"]
        predictions = pd.read_parquet(folder / "predictions.parquet")
        rows, comparisons = results["metrics"], results["comparisons"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} is not a finished run of `wince personalize`: {error}") from error
    try:
        check_rows(rows)
        for row in comparisons:
            check_interval(row, row["difference"], f"comparison {row['a']} {row['b']} {row['metric']}")
    except RowError as error:
        raise RunFailure(f"{folder / RESULTS}: {error}") from error
    if not rows:
        raise UserError(f"{folder} has no metrics: nothing to report")
    return PersonalRun(folder, config, results, predictions)
