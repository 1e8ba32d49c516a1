"""`wince demo`: the whole line on synthetic patients, by the very commands that a user would type."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from pipelines import cli
from pipelines.report.page import headline
from pretrain.errors import RunFailure, UserError

SEED = 2026


@dataclass(frozen=True)
class DemoSize:
    """How much the demo does: its default takes minutes on 2 CPU cores."""

    pretraining_people: int = 20
    cohort_people: int = 30
    seconds: float = 24.0
    """Length of a recording."""
    overrides: str = ""
    """Config changes of the pretraining command."""


def demo_commands(out: Path, size: DemoSize = DemoSize()) -> list[list[str]]:
    """The commands of the demo: people without ratings for pretraining, other people with ratings for the rest."""
    footage, cohort, pretraining_clips, clips, run = (
        str(out / name) for name in ("footage", "cohort", "pretraining_clips", "clips", "encoder")
    )
    people = f"--seconds {size.seconds:g} --participants"
    commands = [
        f"phantom episodes {people} {size.pretraining_people} --seed {SEED} --unlabelled --out {quote(footage)}",
        f"phantom episodes {people} {size.cohort_people} --seed {SEED + 1} --out {quote(cohort)}",
        f"prepare {quote(footage)} --out {quote(pretraining_clips)} --size 64",
        f"prepare {quote(cohort)} --out {quote(clips)} --size 64",
        f"pretrain pretrain/compact --clips {quote(pretraining_clips)} --out {quote(run)} {size.overrides}",
    ]
    for name, encoder in {"encoder": run, "untrained": f"{run}@0", "measures": "measures"}.items():
        features = quote(str(out / "features" / f"{name}.parquet"))
        like = f" --like {quote(run)}" if name == "measures" else ""
        commands.append(f"embed {quote(encoder)} {quote(clips)}{like} --out {features}")
        result = quote(str(out / "personal" / name))
        commands.append(f"personalize personalize/ridge --cohort {quote(cohort)} --features {features} --out {result}")
    runs = " ".join(quote(str(folder)) for folder in [*personal_runs(out), Path(run)])
    commands.append(f"report {runs} --out {quote(str(out / 'report.html'))}")
    return [shlex.split(c) for c in commands]


def personal_runs(out: Path) -> list[Path]:
    """The personalize runs of the demo, the encoder's first."""
    return [out / "personal" / name for name in ("encoder", "untrained", "measures")]


def run_demo(out: Path, size: DemoSize = DemoSize()) -> int:
    """Runs all commands into a new folder and prints the table and where the report is."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} exists and is not empty; choose another --out")
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    start = time.perf_counter()
    spent = [_run(command) for command in demo_commands(out, size)]
    print(f"\n{headline(personal_runs(out))}")
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
