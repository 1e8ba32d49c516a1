"""`wince personalize --encoder RUN@all`: every checkpoint of a run scored on development people, and one chosen.

Nobody else's ratings are read. Each step is an evaluation of its own in `steps/STEP`, cell by cell; what is finished is
never made again, so that a run that still goes on can be followed, and anything killed goes on.
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from personalize.cohorts.columns import texts
from personalize.cohorts.development import development_people
from personalize.cohorts.layout import choose_target
from personalize.config import PersonalizeConfig
from personalize.evaluation.baselines import BASELINES, NO_FACE
from personalize.evaluation.metrics import LOWER_IS_BETTER
from personalize.protocols.plan import FEWEST, Plan, outer_folds
from pipelines.configuration import to_json
from pipelines.final_run import training_sample
from pipelines.personalization.command import PARAMETERS, PREDICTIONS, RESULTS, finish, is_done, open_folder, run_folds
from pipelines.personalization.folds import cells_of
from pipelines.personalization.inputs import Inputs, people_record, ratings_checksum, read_source
from pipelines.personalization.shown import SHOWN
from pipelines.personalization.text import format_results, primary_rows
from pipelines.pretrained import find_pretrained, last_step
from pipelines.report.words import most_adapted
from pipelines.run_folder import write_json
from pipelines.step_features import Embedder, Sample, clips_checksum
from pretrain.errors import RunFailure, UserError
from pretrain.training.start import Source as Run
from pretrain.training.start import kept_steps, saved_marks

STEPS = "steps"
KEYS = ("adaptation", "k", "metric", "pooling", "value", "low", "high", "n_participants", "reason")
PAUSE = 10.0
"""Seconds between two looks at a run that is followed."""
PATIENCE = 3600.0
"""Seconds without a sign of life after which a run that is followed counts as dead."""


def score_checkpoints(
    config: PersonalizeConfig,
    *,
    run: str,
    clips: Path,
    cohort: Path,
    out: Path,
    development: Path | None = None,
    follow: bool = False,
    private: Path | None = None,
    train_cohort: Path | None = None,
    train_clips: Path | None = None,
    pause: float = PAUSE,
    patience: float = PATIENCE,
) -> int:
    """Scores every checkpoint that a run has, and with `follow` those to come until its last; writes `out`.

    Returns the exit code; raises `UserError` for a mistake in the inputs, or a step that is not the one once scored,
    and `RunFailure` when a run that is followed has given no sign of life for `patience` seconds.
    """
    source = find_pretrained(run)
    last = last_step(source) if follow else None
    people = partial(development_people, file=development)
    tested = Sample(read_source(cohort, None, private, people), clips)
    train = training_sample(train_cohort, train_clips, private)
    record = {"config": to_json(config), "inputs": _inputs(config, source, tested, train)}
    is_done(out, record)
    if not follow and not kept_steps(source):
        raise UserError(f"{run} has no checkpoint yet; --follow waits for them")
    embedder = Embedder(source, out)
    _check_scored(out, embedder)
    sign, since = _sign_of_life(source), time.monotonic()
    while True:
        for step in [step for step in kept_steps(source) if step not in scored_steps(out)]:
            inputs = _embedded(config, step, embedder, tested, train)
            if inputs is not None:
                open_folder(out, record)
                _score(config, step, inputs, embedder.mark(step), out)
        scored = scored_steps(out)
        if scored:
            write_curve(out, scored, kept_steps(source))
        if not follow or last in scored:
            break
        if (now := _sign_of_life(source)) != sign:
            sign, since = now, time.monotonic()
        elif time.monotonic() - since > patience:
            raise RunFailure(f"{run}: no step and no line of its log for {patience / 60:.0f} min, and its last step is "
                             f"{last}: if it has died, start it again; the same command then goes on")  # fmt: skip
        time.sleep(pause)
    if not scored:
        raise RunFailure(f"{run}: its checkpoints were removed before any could be scored")
    results = json.loads((out / RESULTS).read_text())
    print(f"{format_results(results)}\n\n{format_curve(results, source.folder)}")
    return 0


def _inputs(config: PersonalizeConfig, source: Run, tested: Sample, train: Sample | None) -> dict[str, Any]:
    """What beside the config decides the curve; the steps do not, for the run may go on."""
    data = tested.source.cohort
    names = texts(data.participants, "participant").tolist()
    if len(names) < FEWEST and train is None:
        raise UserError(f"{data.root}: {len(names)} development people; scoring on them needs {FEWEST}: name more with "
                        "--development or a column 'split' of participants.tsv")  # fmt: skip
    found: dict[str, Any] = {
        "system": source.folder.resolve().name,
        "cohort": data.name,
        "target": choose_target(data, config.target),
        "encoder": {"run": str(source.folder.resolve()), STEPS: "all"},
        "clips_checksum": clips_checksum(tested.clips),
        "ratings": ratings_checksum(data),
        "development": people_record(names),
    }
    if train is not None:
        other = train.source.cohort
        found |= {"train_cohort": other.name, "train_ratings": ratings_checksum(other)}
    return found


def _sign_of_life(source: Run) -> tuple[int, list[int]]:
    """What changes as long as a run trains: the length of its log, and the steps that it has."""
    log = source.folder / "metrics.jsonl"
    return (log.stat().st_size if log.is_file() else 0), kept_steps(source)


def folder_of(out: Path, step: int) -> Path:
    """Where a step's predictions and results lie."""
    return out / STEPS / str(step)


def scored_steps(out: Path) -> list[int]:
    """The steps that are scored, in order."""
    return sorted(int(file.parent.name) for file in (out / STEPS).glob(f"*/{RESULTS}"))


def _embedded(
    config: PersonalizeConfig, step: int, embedder: Embedder, tested: Sample, train: Sample | None
) -> Inputs | None:
    """Features by a step; None, and said to be, where the run has removed it in the meantime."""
    try:
        return embedder.inputs(config, step, tested, train)
    except (UserError, RunFailure):
        if step in kept_steps(embedder.run):
            raise
        print(f"step {step} was removed by its run before it could be scored", flush=True)
        return None


def _score(config: PersonalizeConfig, step: int, inputs: Inputs, mark: int | None, out: Path) -> None:
    """Scores one step, and prints its point of the curve."""
    plan = Plan(inputs.problem, replace(config, target=inputs.target), cells_of(config))
    folder = folder_of(out, step)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    units = run_folds(folder, plan, list(outer_folds(plan.jobs())))
    encoder = {key: value for key, value in inputs.record["encoder"].items() if key != "run"}  # a path names people
    finish(folder, plan, inputs, units, {"encoder": encoder | {"checkpoint": mark}})
    results = json.loads((folder / RESULTS).read_text())
    print(format_point(_main_rows(curve_rows(step, results), results["target"]["metrics"])[0]), flush=True)


def _check_scored(out: Path, embedder: Embedder) -> None:
    """That the checkpoints of steps that are scored are still those that were scored."""
    both = [step for step in scored_steps(out) if step in kept_steps(embedder.run)]
    for step, mark in saved_marks(embedder.run, both).items() if both else []:
        before = json.loads((folder_of(out, step) / RESULTS).read_text())["encoder"]["checkpoint"]
        if before != mark:
            raise UserError(f"{out}: step {step} was scored with another encoder than {embedder.run.folder} has now; "
                            "choose another --out")  # fmt: skip


def curve_rows(step: int, results: dict[str, Any]) -> list[dict[str, Any]]:
    """A step's rows of `checkpoints`: the primary value of every metric of all adaptations that look at features."""
    others = {*BASELINES, *NO_FACE}
    rows = [r for r in primary_rows(results["metrics"]) if r["adaptation"] not in others and not r["oracle"]]
    return [{"step": step, **{key: row[key] for key in KEYS}} for row in rows]


def choose(rows: Sequence[dict[str, Any]], kind: str, there: Sequence[int]) -> dict[str, Any] | None:
    """The row of the best step, by the first metric of the kind of target for what adapts most; the later of equals.

    Steps that are still there come first: one that is gone can be scored on nobody any more.
    """
    own = [row for row in _main_rows(rows, kind) if row["value"] is not None]
    own = [row for row in own if row["step"] in there] or own
    sign = -1 if own and own[0]["metric"] in LOWER_IS_BETTER else 1
    return max(own, key=lambda row: (sign * row["value"], row["step"])) if own else None


def _main_rows(rows: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    key = most_adapted([("", row["adaptation"], row["k"]) for row in rows])
    return [row for row in rows if (row["adaptation"], row["k"]) == key[1:] and row["metric"] == SHOWN[kind][0]]


def write_curve(out: Path, steps: Sequence[int], there: Sequence[int]) -> None:
    """Writes the results: those of the chosen step, and `checkpoints`, the rows of all steps."""
    found = {step: json.loads((folder_of(out, step) / RESULTS).read_text()) for step in steps}
    rows = [row for step in steps for row in curve_rows(step, found[step])]
    kind = found[steps[-1]]["target"]["metrics"]
    best = choose(rows, kind, there)
    step = steps[-1] if best is None else best["step"]
    for name in (PREDICTIONS, PARAMETERS):
        scratch = out / f"{name}.tmp"
        shutil.copyfile(folder_of(out, step) / name, scratch)
        scratch.replace(out / name)
    write_json(out / RESULTS, {**found[step], "checkpoints": rows, "chosen": best})


def format_curve(results: dict[str, Any], run: Path) -> str:
    """The curve as text, and which step was chosen."""
    best = results["chosen"]
    rows = _main_rows(results["checkpoints"], results["target"]["metrics"])
    lines = ["checkpoints, on development people [95 %]", *map(format_point, rows)]
    if best is None:
        return "\n".join([*lines, "no step can be chosen: the metric is undefined"])
    return "\n".join([*lines, f"best: step {best['step']}; score it once on the test people with "
                              f"--encoder {run}@{best['step']}"])  # fmt: skip


def format_point(row: dict[str, Any]) -> str:
    """One point of the curve as text."""
    value = "undefined" if row["value"] is None else f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return f"step {row['step']:>6}  {row['adaptation']} k={row['k']}  {row['metric']} {value}"
