"""What `wince prepare` promises for bad footage, checked on a run of the command."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pretrain.footage.manifest import ManifestRow, check_manifest, parse_reason, read_manifest
from tests.support.hostile import HOPELESS, LENGTHLESS

MEMORY_LIMIT = 1 << 30
"""Bytes that no worker may pass, whatever a header claims. About 400 MB are libraries and face nets."""

_PEAK = "most kilobytes of a process: "
_WATCH = f"""
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print({_PEAK!r} + str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), file=sys.stderr)
sys.exit(code)
"""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """A run of the command that has ended."""

    code: int
    out: str
    err: str
    rows: list[ManifestRow]
    peak_bytes: int
    """Most memory that a process of it held."""


def run_prepare(footage: Path, clips: Path, *, workers: int, limit_s: float) -> Run:
    """Runs `wince prepare` in a process of its own. Raises `subprocess.TimeoutExpired` where it hangs."""
    command = [sys.executable, "-m", "pipelines.cli", "prepare", str(footage), "--out", str(clips), "--size", "48"]
    command += ["--workers", str(workers)]
    environment = os.environ | {"PYTHONPATH": str(_ROOT)}
    # In a process between, for the most memory of children is told of all that a process ever had.
    between = [sys.executable, "-c", _WATCH, *command]
    done = subprocess.run(between, capture_output=True, text=True, timeout=limit_s, cwd=_ROOT, env=environment)
    err, _, peak = done.stderr.rpartition(_PEAK)
    rows = read_manifest(clips) if clips.exists() else []
    return Run(done.returncode, done.stdout, err, rows, int(peak) * 1024)


def broken_promises(run: Run, clips: Path, kinds: Mapping[str, str]) -> list[str]:
    """One line for every promise that the run over a hostile corpus broke; `kinds` are the kinds of its files."""
    wrong = []
    if run.code != 1:
        wrong.append(f"exit code {run.code} instead of 1: {run.err[-500:]}")
    if "Traceback" in run.out + run.err:
        wrong.append("a traceback was printed")
    summaries = [line for line in run.out.splitlines() if line.startswith(f"{len(kinds)} files: ")]
    if len(summaries) != 1:
        wrong.append(f"{len(summaries)} lines of summary instead of one")
    rows = Counter(row.file for row in run.rows)
    wrong += [f"{name!r}: {rows[name]} rows" for name in kinds if rows[name] != 1]
    wrong += [f"{name!r}: a row, but no such file" for name in rows.keys() - kinds.keys()]
    for row in run.rows:
        wrong += [f"{row.file!r}: {reason}" for reason in ("stuck", "crashed") if reason in parse_reason(row.reason)]
        shorter = kinds.get(row.file) == "truncated" and row.file.endswith(LENGTHLESS)
        if kinds.get(row.file) in HOPELESS and row.status == "ok" and not shorter:
            wrong.append(f"{row.file!r} ended ok")
    if clips.exists():
        wrong += check_manifest(clips)
    if run.peak_bytes > MEMORY_LIMIT:
        wrong.append(f"a process held {run.peak_bytes >> 20} MB")
    return wrong
