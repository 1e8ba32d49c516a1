"""`wince personalize --encoder RUN`: one step of an encoder, scored on the test people; the run counts how often."""

import json
import os
import secrets
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from personalize.cohorts.columns import texts
from personalize.cohorts.development import development_people
from personalize.cohorts.layout import choose_target
from personalize.config import PersonalizeConfig
from pipelines.personalization.command import evaluate, recorded
from pipelines.personalization.inputs import Inputs, people_record, read_source
from pipelines.pretrained import find_pretrained
from pipelines.run_folder import write_json
from pipelines.step_features import Embedder, Sample
from pretrain.errors import RunFailure, UserError
from pretrain.training.start import Source, pin

EVALUATIONS = "evaluations.jsonl"
"""In the pretraining run: a line for every run that scored one of its steps on test people."""
ENVIRONMENT, KEY = "environment.json", "evaluation"


def final_run(
    config: PersonalizeConfig,
    *,
    encoder: str,
    clips: Path,
    cohort: Path,
    out: Path,
    development: Path | None = None,
    private: Path | None = None,
    train_cohort: Path | None = None,
    train_clips: Path | None = None,
) -> int:
    """Embeds the cohort's clips by a step of a run and scores the people who are not for development.

    The features are kept in `out`, so that the same command again embeds nothing twice, and goes on with the step that
    it began with. Returns the exit code; raises as `personalize` does.
    """
    run = find_pretrained(encoder)
    tested = Sample(read_source(cohort, None, private), clips)
    apart = development_people(tested.source.cohort, development)
    train = training_sample(train_cohort, train_clips, private)
    choose_target(tested.source.cohort, config.target)
    step = _step(run, out)
    inputs = Embedder(run, out).inputs(config, step, tested, train, apart)
    everybody = texts(tested.source.cohort.participants, "participant").tolist()
    people = people_record(f"{inputs.cohort}/{name}" for name in everybody if name not in apart)
    return evaluate(config, inputs, out, partial(record_evaluation, run.folder, out, inputs, people))


def training_sample(cohort: Path | None, clips: Path | None, private: Path | None) -> Sample | None:
    """The training cohort and its clips, which go together; None without one."""
    if (cohort is None) != (clips is None):
        raise UserError("with --encoder, --train-cohort and --train-clips go together")
    return Sample(read_source(cohort, None, private), clips) if cohort and clips else None


def _step(run: Source, out: Path) -> int:
    """The step that a name stands for, as it was when `out` was begun: the run may have gone on."""
    before = (recorded(out) or {"inputs": {}})["inputs"].get("encoder", {})
    if not isinstance(run.step, int) and before.get("run") == str(run.folder.resolve()) and "step" in before:
        return before["step"]
    step = pin(run).step
    assert isinstance(step, int)
    return step


def record_evaluation(run: Path, out: Path, inputs: Inputs, people: dict[str, Any]) -> dict[str, Any]:
    """Writes into the pretraining run that it is scored on these people, once for `out`, and counts how often it was.

    Raises `RunFailure` where that cannot be written: nobody is tested without it.
    """
    environment = json.loads((out / ENVIRONMENT).read_text())
    if KEY not in environment:
        environment[KEY] = secrets.token_hex(8)
        write_json(out / ENVIRONMENT, environment)
    rows = evaluations(run)
    if environment[KEY] not in [row["id"] for row in rows]:
        encoder = inputs.record["encoder"]
        row = {
            "id": environment[KEY],
            "date": datetime.now(UTC).date().isoformat(),
            "step": encoder["step"],
            "fingerprint": encoder["fingerprint"],
            "cohort": inputs.cohort,
            **people,
            "run": out.resolve().name,
        }
        _append(run / EVALUATIONS, row)
        rows = evaluations(run)
    same = [row["id"] for row in rows if row["checksum"] == people["checksum"]]
    return {"evaluation": {"times": same.index(environment[KEY]) + 1, **people}}


def evaluations(run: Path) -> list[dict[str, Any]]:
    """The runs that have scored a pretraining run on test people, in order."""
    file = run / EVALUATIONS
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def _append(file: Path, row: dict[str, Any]) -> None:
    """In one write, so that two runs at the same time do not mix their lines."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, (json.dumps(row) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFailure(f"{file}: cannot record that test people are looked at ({error.strerror})") from error
