"""Everything that the page shows, as one dictionary: `report.json`.

Keys: schema, wince, made, runs, comparisons (rows as those of `results.json`, that no run has of itself), notes,
training (names of pretraining runs), figures, limits, checklist. A run has the keys name, folder, results (the whole
`results.json`), config, environment, config_sha256, flow, untested, partition, findings.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from personalize.evaluation.claims import json_hash
from pipelines.report import figures
from pipelines.report.checklist import checklist
from pipelines.report.figures import ladder, steps
from pipelines.report.figures.view import view_of
from pipelines.report.limits import limits
from pipelines.report.read import RESULTS, TRAINING, PersonalRun, check_folder, read_personal
from pipelines.report.summary import about_people, further_comparisons, names_of, pairs
from pretrain.training.log import read_metrics

SCHEMA = "wince-report/1"


def gathered(folders: Sequence[Path]) -> dict[str, Any]:
    """The report of some runs; the first personalize run is the one that the others are compared with.

    Raises `UserError` for folders that are no finished runs, `RunFailure` for a number without its interval.
    """
    for folder in folders:
        check_folder(folder)
    found = [read_personal(folder) for folder in folders if (folder / RESULTS).is_file()]
    names = names_of(found)
    runs = [_run(name, run) for name, run in zip(names, found, strict=True)]
    further, notes = further_comparisons(found) if found else ([], [])
    notes += [note for run in runs if (note := about_people(run["name"], run["results"]))]
    training = [folder for folder in folders if (folder / TRAINING).is_file()]
    return {
        "schema": SCHEMA,
        "wince": version("wince"),
        "made": datetime.now(UTC).date().isoformat(),
        "runs": runs,
        "comparisons": further,
        "notes": notes,
        "training": [{"name": folder.name, **records(folder)} for folder in training],
        "figures": _figures(found, names, further, training),
        "limits": limits(runs[0]) if runs else [],
        "checklist": checklist(runs[0]) if runs else [],
    }


def _run(name: str, run: PersonalRun) -> dict[str, Any]:
    return {
        "name": name,
        "folder": f"{run.folder.resolve().parent.name}/{run.folder.resolve().name}",
        "results": run.results,
        **records(run.folder),
        "flow": flow(run.results["counts"]),
        "untested": _reasons(run.results.get("untested", {})),
        "partition": partition(run.results["proof"]),
        "findings": len(run.results.get("audit", {}).get("findings", [])),
    }


def records(folder: Path) -> dict[str, Any]:
    """What a run says of itself, and the checksum by which its config is known."""
    files = {key: folder / f"{key}.json" for key in ("config", "environment")}
    found = {key: json.loads(file.read_text()) if file.is_file() else None for key, file in files.items()}
    return {**found, "config_sha256": json_hash(found["config"])}


def flow(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """From everybody in the cohort to those who are tested; a count that a run has not is left out."""
    rated = [("people", "participants_with_labelled_rows"), ("units with a rating and features", "units")]
    boxes = {
        "training cohort": [("people", "train_participants"), ("units", "train_units")],
        "cohort": [("people", "participants"), ("recordings", "recordings")],
        "rated, with features": rated,
        "tested": [("people", "participants_tested"), ("test units", "test_units")],
    }
    found = []
    for title, keys in boxes.items():
        there = [{"what": what, "count": counts[key]} for what, key in keys if key in counts]
        if there:
            found.append({"step": title, "counts": there})
    return found


def _reasons(untested: dict[str, str]) -> list[dict[str, Any]]:
    """How many are not tested, by reason; numbers of single people are left out of it."""
    plain = [re.sub(r"^\d+ units; |(?<=all )\d+ ", "", reason) for reason in untested.values()]
    return [{"reason": reason, "people": count} for reason, count in Counter(plain).most_common()]


def partition(proof: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the proofs of all folds come to, looked at anew: who is both trained on and tested in one fold."""
    shared = sorted({name for fold in proof for name in {*fold["train"]} & {*fold["test"]}})
    gaps = [fold["smallest_gap_seconds"] for fold in proof if fold["smallest_gap_seconds"] is not None]
    trained = [len(fold["train"]) for fold in proof]
    return {
        "folds": len(proof),
        "tested": len({name for fold in proof for name in fold["test"]}),
        "fewest_trained_on": min(trained, default=None),
        "most_trained_on": max(trained, default=None),
        "in_both": len(shared),
        "smallest_gap_seconds": min(gaps, default=None),
    }


def _figures(
    runs: Sequence[PersonalRun], names: Sequence[str], further: Sequence[dict[str, Any]], training: Sequence[Path]
) -> list[dict[str, Any]]:
    """Of the first run, of each new population, of each pretraining run."""
    found: list[dict[str, Any]] = []
    named = [(name, run.results) for name, run in zip(names, runs, strict=True)]
    if runs:
        of_first = pairs([*runs[0].results["comparisons"], *further], named)
        found += figures.entries(view_of(names[0], runs[0]), [pair for pair in of_first if pair["main"]])
    for name, results in named:
        if (entry := ladder.entry(name, results)) is not None:
            found.append({"name": f"ladder_{name}", "kind": "ladder", **entry})
    for folder in training:
        entry = steps.training(folder.name, read_metrics(folder / TRAINING))
        found.append({"name": f"training_{folder.name}", "kind": "training", **entry})
    return found
