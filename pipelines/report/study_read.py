"""Runs of studies as they lie on disk."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from personalize.evaluation.rows import RowError, check_interval, check_rows
from pipelines.report.read import RESULTS, check_folder
from pretrain.errors import RunFailure, UserError

SCHEMA = "wince-study/1"


def is_study(folder: Path) -> bool:
    """Whether a folder holds results of a study, of whatever version."""
    try:
        found = json.loads((folder / RESULTS).read_text())
        return str(found["schema"]).startswith(SCHEMA.partition("/")[0] + "/")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def only_study(folders: Sequence[Path]) -> Path:
    """The one folder; raises `UserError` where a run of a study is not alone."""
    if len(folders) == 1:
        return folders[0]
    study = next(filter(is_study, folders))
    raise UserError(f"{study} is the run of a study, which has a page to itself: report it alone, or compare studies "
                    "with `wince studies`")  # fmt: skip


def read_study(folder: Path) -> dict[str, Any]:
    """The results of a study's run; refuses those with a number that lacks its interval.

    Raises `UserError` when the folder is no such run, `RunFailure` when its rows may not be shown.
    """
    check_folder(folder)
    if not is_study(folder):
        raise UserError(f"{folder} is not a run of `wince study`")
    results = json.loads((folder / RESULTS).read_text())
    if results["schema"] != SCHEMA:
        raise UserError(f"{folder / RESULTS} has schema {results['schema']}; this version of wince reads {SCHEMA}")
    try:
        _check(results)
    except RowError as error:
        raise RunFailure(f"{folder / RESULTS}: {error}") from error
    except KeyError as error:
        raise UserError(f"{folder / RESULTS} is not whole: it lacks {error}") from error
    except TypeError as error:
        raise UserError(f"{folder / RESULTS} is not what a study writes: {error}") from error
    return results


def _check(results: dict[str, Any]) -> None:
    for part in results["parts"]:
        where = f"{part['world']}, {part['protocol']}"
        check_rows(part["metrics"])
        for row in part["comparisons"]:
            check_interval(row, row["difference"], f"{where}: comparison {row['a']} {row['b']} {row['metric']}")
        for row in part["claims"]:
            check_interval(row, row["estimate"], f"{where}: claim {row['claim']['says']!r}")
    for row in results["gaps"]:
        check_interval(row, row["difference"], f"{row['world']}: gap of {row['adaptation']}")
