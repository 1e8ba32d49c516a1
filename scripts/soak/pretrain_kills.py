"""Kills `wince pretrain` at random moments, some inside a save, and proves that the same command ends with the same
parameters, bit for bit, and the same log."""

import argparse
import datetime
import hashlib
import os
import platform
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from pipelines.pretrained import find_pretrained
from pretrain.training.checkpoints import Checkpoints
from pretrain.training.log import read_metrics
from pretrain.training.mesh import make_mesh
from pretrain.training.start import CHECKPOINTS, METRICS, Source
from pretrain.training.step import abstract_state
from scripts.soak.kills import ROOT, kill_after, make_footage, wince

MOST_KILLS = 10
"""Of one and the same run, before it is left to end."""
UNFINISHED = "*.orbax-checkpoint-tmp*"
"""What a save that was cut off leaves behind."""
SPEED = ("clips_per_second", "data_wait", "mfu")
TINY = {
    "encoder.width": "32",
    "encoder.depth": "2",
    "encoder.heads": "2",
    "encoder.size": "32",
    "encoder.view": "1.0",
    "encoder.frames": "4",
    "encoder.tubelet": "[4,8,8]",
    "clip.frames": "4",
    "batch.tracks": "4",
    "batch.clips_per_track": "4",
    "contrastive.weight": "0.3",
    "ema": "0.9",
    "keep_best": "2",
    "keep_every": "20",
    "log_every": "3",
    "evaluate_every": "10",
    "checkpoint_every": "2",
}
"""A small run in which everything happens often."""
INSIDE = "in a save"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=50, help="at least so many (default: 50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=60, help="of a run (default: 60)")


def run(args: argparse.Namespace) -> int:
    dice = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="wince-kills-") as scratch:
        clips = make_clips(Path(scratch))
        job = Job(clips, args.steps, Path(scratch) / "compiled")
        finish(job, Path(scratch) / "first")  # compiles
        started = time.monotonic()
        whole = Path(scratch) / "whole"
        finish(job, whole)
        wanted, seconds = digest(whole), time.monotonic() - started
        print(f"uninterrupted: {args.steps} steps in {seconds:.0f} s, sha256 {wanted[0][:16]}", flush=True)
        outcomes: list[Outcome] = []
        while sum(len(o.kills) for o in outcomes) < args.kills:
            left = args.kills - sum(len(o.kills) for o in outcomes)
            outcomes.append(torture(job, Path(scratch) / f"run{len(outcomes)}", dice, min(left, MOST_KILLS)))
            same = outcomes[-1].digest == wanted
            print(f"run {len(outcomes)}: {', '.join(outcomes[-1].kills)}: {'same' if same else 'OTHER'}", flush=True)
    return summary(args, outcomes, wanted)


def summary(args: argparse.Namespace, outcomes: Sequence["Outcome"], wanted: tuple[str, str]) -> int:
    """Prints what is to be kept, and returns the exit code."""
    kills = [kill for outcome in outcomes for kill in outcome.kills]
    parameters, rows = (sum(o.digest[i] == wanted[i] for o in outcomes) for i in (0, 1))
    print(
        f"\n## Kills: `scripts/soak_pretrain --kills {args.kills} --seed {args.seed} --steps {args.steps}`\n\n"
        f"{datetime.date.today():%d %B %Y}, {os.cpu_count()} cores ({platform.machine()}), "
        f"{jax.devices()[0].device_kind} device.\n\n"
        "| runs | kills with -9 | of these inside a save | same final state, bit for bit | same log |\n"
        "|---|---|---|---|---|\n"
        f"| {len(outcomes)} | {len(kills)} | {sum(INSIDE in kill for kill in kills)} | {parameters} of {len(outcomes)} "
        f"| {rows} of {len(outcomes)} |\n"
    )
    return int(parameters + rows < 2 * len(outcomes))


_TINY = [word for key, value in TINY.items() for word in (f"--{key}", value)]


@dataclass(frozen=True)
class Job:
    """A command that trains, but for where it writes."""

    clips: Path
    steps: int
    compiled: Path
    """Where the compiler keeps what it has done, so that a run is not mostly compiling."""

    def command(self, out: Path) -> list[str]:
        """The words that start it."""
        words = ["pretrain", "pretrain/tiny", "--clips", str(self.clips), "--out", str(out)]
        return wince(*words, "--steps", str(self.steps), *_TINY)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that it starts in."""
        cache = {"JAX_COMPILATION_CACHE_DIR": str(self.compiled), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        return os.environ | cache | {"JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1"}


@dataclass
class Outcome:
    """What became of a run that was killed."""

    kills: list[str] = field(default_factory=list)
    digest: tuple[str, str] = ("", "")


def torture(job: Job, out: Path, dice: random.Random, kills: int) -> Outcome:
    """Starts a run, kills it up to so many times, lets it end and looks at what came out.

    Half of the kills fall just when a save begins, a third some random steps later than the last, the others while the
    process has hardly begun.
    """
    outcome = Outcome()
    while len(outcome.kills) < kills:
        process, before, kind = start(job, out), last_step(out), dice.random()
        if kind < 1 / 2:
            wait_for_saves(process, out, dice.randint(1, 4))
            delay = dice.uniform(0, 0.05)
        elif kind < 5 / 6:
            wait_for_step(process, out, before + dice.randint(1, max(1, (job.steps - before) // 3)))
            delay = dice.uniform(0, 0.1)
        else:
            delay = dice.uniform(0, 10)
        if not kill_after(process, delay):
            break
        unfinished = list((out / CHECKPOINTS).glob(UNFINISHED))
        outcome.kills.append(INSIDE if unfinished else f"after step {last_step(out)}")
    finish(job, out)
    outcome.digest = digest(out)
    return outcome


def start(job: Job, out: Path) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen(job.command(out), cwd=ROOT, env=job.environment, stdout=quiet, stderr=quiet)


def finish(job: Job, out: Path) -> str:
    """Runs the command to its end; what it said."""
    ended = subprocess.run(job.command(out), cwd=ROOT, env=job.environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout + ended.stderr


def wait_for_saves(process: subprocess.Popen[bytes], out: Path, saves: int) -> None:
    """Returns when so many saves of this process have begun, or it has ended."""
    before = set(_begun(out))
    while process.poll() is None and len(set(_begun(out)) - before) < saves:
        time.sleep(0.001)


def wait_for_step(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    """Returns when the log tells of a step, or the process has ended."""
    while process.poll() is None and last_step(out) < step:
        time.sleep(0.005)


def _begun(out: Path) -> list[str]:
    return [path.name.split(".")[0] for path in (out / CHECKPOINTS).glob("*")]


def last_step(out: Path) -> int:
    """The last step that the log tells of; -1 when there is none."""
    path = out / METRICS
    rows = read_metrics(path) if path.exists() else []
    return rows[-1]["step"] if rows else -1


def digest(out: Path) -> tuple[str, str]:
    """SHA-256 of every bit of the final state, and of the log but for its speeds."""
    source: Source = find_pretrained(str(out))
    with Checkpoints(out / CHECKPOINTS, reads=True) as checkpoints:
        state = checkpoints.load(int(source.config.steps), abstract_state(source.config, make_mesh()))
    leaves = [(jax.tree_util.keystr(path), np.asarray(leaf)) for path, leaf in jax.tree.leaves_with_path(state)]
    found = hashlib.sha256()
    for name, values in sorted(leaves, key=lambda leaf: leaf[0]):
        found.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
    rows = [{k: v for k, v in row.items() if k not in SPEED} for row in read_metrics(out / METRICS)]
    return found.hexdigest(), hashlib.sha256(repr(rows).encode()).hexdigest()


def make_clips(folder: Path) -> Path:
    """Clips of phantoms, by the commands that make them."""
    footage, clips = make_footage(folder / "footage", 4, seconds=8), folder / "clips"
    subprocess.run(wince("prepare", str(footage), "--out", str(clips), "--size", "48"), cwd=ROOT, check=True)
    return clips
