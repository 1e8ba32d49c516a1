"""Kills `wince prepare` at random times and proves that the same command ends with the same bytes."""

import argparse
import contextlib
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.prepare.partial import FILES, partial_folder
from pretrain.footage.manifest import NAME

ROOT = Path(__file__).resolve().parents[2]
MOST_KILLS = 3
"""Of one and the same run, before it is left to end."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kills", type=int, default=20, help="at least so many (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=4, help="films of the footage (default: 4)")


def run(args: argparse.Namespace) -> int:
    dice = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="wince-kills-") as scratch:
        footage = make_footage(Path(scratch) / "footage", args.people)
        start = time.monotonic()
        whole = Path(scratch) / "whole"
        finish(footage, whole)
        wanted, seconds = digest(whole), time.monotonic() - start
        print(f"uninterrupted: {args.people} files in {seconds:.0f} s, sha256 {wanted}", flush=True)
        kills = runs = broken = 0
        while kills < args.kills:
            runs += 1
            found = torture(footage, Path(scratch) / f"run{runs}" / "clips", seconds, dice, MOST_KILLS)
            kills += len(found.times)
            if not found.times:
                seconds *= 0.8  # it ended before: the machine has less to do than at first
            broken += bool(found.wrong) or found.digest != wanted
            verdict = "; ".join(found.wrong) or ("same bytes" if found.digest == wanted else "OTHER BYTES")
            print(f"run {runs}: killed {', '.join(found.times) or 'never'}: {verdict}", flush=True)
    print(
        f"{kills} kills in {runs} runs (seed {args.seed}): {runs - broken} ended with sha256 {wanted}, {broken} broken"
    )
    return int(broken > 0)


class Outcome:
    """What became of a run that was killed."""

    def __init__(self) -> None:
        self.times: list[str] = []
        self.wrong: list[str] = []
        self.digest = ""


def torture(footage: Path, out: Path, seconds: float, dice: random.Random, kills: int) -> Outcome:
    """Starts a run, kills it up to so many times within about its `seconds`, lets it end and looks what is there."""
    outcome = Outcome()
    out.parent.mkdir(parents=True)
    for _ in range(kills):
        everybody = dice.random() < 0.5  # the power fails, or the command alone is killed and leaves orphans
        after = dice.uniform(0, seconds)
        if kill_after(start(footage, out), after, everybody):
            outcome.times.append(f"{'all' if everybody else 'the command'} at {after:.1f} s")
        if out.exists():
            break
        outcome.wrong += half_done(out)
    before = len(list((partial_folder(out) / FILES).glob("*.json")))
    said = finish(footage, out)
    kept = re.match(r"(\d+) of \d+ files are done already", said)
    if before and "finished" not in said and not (kept and int(kept[1]) >= before):
        outcome.wrong.append(f"{before} files were done, but the command said: {said!r}")
    left = sorted(p.name for p in out.parent.iterdir() if p != out)
    if left:
        outcome.wrong.append(f"left behind: {left}")
    outcome.digest = digest(out)
    shutil.rmtree(out.parent)
    return outcome


def make_footage(folder: Path, people: int, seconds: int = 4) -> Path:
    """Short films of phantoms."""
    words = ["phantom", "episodes", "--unlabelled", "--participants", str(people), "--recordings", "1"]
    subprocess.run(wince(*words, "--seconds", str(seconds), "--out", str(folder)), cwd=ROOT, check=True)
    return folder


def start(footage: Path, out: Path) -> subprocess.Popen[bytes]:
    """The command, with two workers, in a process group of its own."""
    # no pipes: whoever reads them waits for orphans too
    quiet = subprocess.DEVNULL
    return subprocess.Popen(_prepare(footage, out), cwd=ROOT, stdout=quiet, stderr=quiet, start_new_session=True)


def finish(footage: Path, out: Path) -> str:
    """Runs the command to its end, unless it had ended before; what it said."""
    if (out / NAME).is_file() and not partial_folder(out).exists():
        return "finished"
    ended = subprocess.run(_prepare(footage, out), cwd=ROOT, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}")
    return ended.stdout


def kill_after(process: subprocess.Popen[bytes], seconds: float, everybody: bool = False) -> bool:
    """Kills a process, or its whole group, with -9; whether it was still at work."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    killed = process.poll() is None
    if killed:
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    return killed


def half_done(out: Path) -> list[str]:
    """What may not be there after a kill."""
    wrong = [p.name for p in out.parent.iterdir() if p != partial_folder(out)]
    return [f"beside the folder of work in progress: {wrong}"] if wrong else []


def digest(folder: Path) -> str:
    """SHA-256 of all files of a folder with their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _prepare(footage: Path, out: Path) -> list[str]:
    return wince("prepare", str(footage), "--out", str(out), "--size", "48", "--workers", "2")


def wince(*words: str) -> list[str]:
    """The words that start a command."""
    return [sys.executable, "-m", "pipelines.cli", *words]
