"""Prepares a corpus of bad files and prints what became of every kind, and which promises were broken."""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from pretrain.footage.ingest import IngestOptions, ingest_file
from pretrain.footage.manifest import STATUSES
from tests.support.hostile import KINDS, write_corpus
from tests.support.promises import MEMORY_LIMIT, Run, broken_promises, run_prepare

SECONDS_PER_FILE = 5.0
"""A run that takes longer than this times the number of files, and two minutes to start, hangs."""
SHARE_NOT_OK = 0.6
"""At least so many of the files must not end as `ok`."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())


def run(args: argparse.Namespace) -> int:
    with TemporaryDirectory(prefix="wince-fuzz-") as scratch:
        films, clips = Path(scratch) / "films", Path(scratch) / "clips"
        films.mkdir()
        kinds = write_corpus(films, args.files, args.seed)
        start, limit = time.monotonic(), 120 + SECONDS_PER_FILE * len(kinds)
        try:
            done = run_prepare(films, clips, workers=args.workers, limit_s=limit)
        except subprocess.TimeoutExpired:
            print(f"hangs: not done after {limit:g} s")
            return 1
        seconds = time.monotonic() - start
        wrong = broken_promises(done, clips, kinds)
        slowest = max((_seconds(films / name), name) for name in kinds)
    share = sum(row.status != "ok" for row in done.rows) / len(kinds)
    if share < SHARE_NOT_OK:
        wrong.append(f"only {share:.0%} did not end as ok")
    print(f"{date.today()}, {os.cpu_count()} cores ({platform.machine()}): {' '.join(sys.argv[1:])}\n")
    print_table(done, kinds)
    print(f"\n{len(kinds)} files in {seconds:.0f} s with {args.workers} workers; {share:.1%} did not end as ok")
    print(f"peak memory of a process {done.peak_bytes >> 20} MB (limit {MEMORY_LIMIT >> 20} MB)")
    print(f"slowest file alone: {slowest[1]!r}, {slowest[0]:.2f} s of CPU time")
    print("\n".join(f"BROKEN: {line}" for line in wrong) or "all promises kept")
    return int(bool(wrong))


def print_table(done: Run, kinds: Mapping[str, str]) -> None:
    """Prints how many files of each kind ended with each status."""
    counts = Counter((kinds.get(row.file, "?"), row.status) for row in done.rows)
    print(f"| kind | {' | '.join(STATUSES)} |\n|---|{'---|' * len(STATUSES)}")
    for kind in KINDS:
        print(f"| {kind} | {' | '.join(str(counts[kind, status] or '') for status in STATUSES)} |")


def _seconds(path: Path) -> float:
    """CPU time that it takes to make clips of one file."""
    start = time.process_time()
    ingest_file(path, path.name, IngestOptions(size=48), lambda record: None)
    return time.process_time() - start
