"""`wince demo`: the whole line on synthetic patients, by the very commands that a user would type."""

import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from pipelines import cli
from pipelines.report.page import headline
from pretrain.errors import RunFailure, UserError

PRETRAINING_PEOPLE = 20
COHORT_PEOPLE = 20
SEED = 7


def demo_commands(out: Path) -> list[list[str]]:
    """The commands of the demo: people for pretraining without ratings, others with ratings, each met once."""
    unlabelled, cohort = str(out / "footage"), str(out / "cohort")
    pretraining_clips, clips, run = str(out / "pretraining_clips"), str(out / "clips"), str(out / "encoder")
    commands = [
        f"phantom episodes --participants {PRETRAINING_PEOPLE} --seed {SEED} --unlabelled --out {unlabelled}",
        f"phantom episodes --participants {COHORT_PEOPLE} --seed {SEED + 1} --out {cohort}",
        f"prepare {unlabelled} --out {pretraining_clips} --size 64",
        f"prepare {cohort} --out {clips} --size 64",
        f"pretrain pretrain/tiny --clips {pretraining_clips} --out {run}",
    ]
    runs = []
    for name, encoder in {"encoder": run, "untrained": f"{run}@0", "measures": "measures"}.items():
        features, result = str(out / "features" / f"{name}.parquet"), str(out / "personal" / name)
        commands.append(f"embed {encoder} {clips} --out {features}")
        commands.append(f"personalize personalize/ridge --cohort {cohort} --features {features} --out {result}")
        runs.append(result)
    commands.append(f"report {' '.join(runs)} {run} --out {out / 'report.html'}")
    return [shlex.split(c) for c in commands]


def run_demo(out: Path) -> int:
    """Runs all commands into a new folder and prints the table and where the report is."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty; choose another --out")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    start = time.perf_counter()
    spent = [_run(command) for command in demo_commands(out)]
    print(headline([out / "personal" / name for name in ("encoder", "untrained", "measures")]))
    shares = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in _by_command(spent).items())
    print(f"\n{time.perf_counter() - start:.0f} s in all ({shares})\n{out / 'report.html'}")
    return 0


def _run(command: Sequence[str]) -> tuple[str, float]:
    print(f"\n$ wince {shlex.join(command)}", flush=True)
    start = time.perf_counter()
    code = cli.main(command)
    if code:
        raise RunFailure(f"`wince {shlex.join(command)}` ended with {code}")
    return command[0], time.perf_counter() - start


def _by_command(spent: Sequence[tuple[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for name, seconds in spent:
        total[name] = total.get(name, 0.0) + seconds
    return total
