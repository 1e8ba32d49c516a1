"""`wince prepare`: from footage to a clip dataset and a manifest, all or nothing."""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import cv2
from pydantic import ValidationError

from pipelines.progress import Meter, progress
from pretrain.clips.dataset import ClipRecord, write_clips
from pretrain.errors import UserError
from pretrain.footage.discover import Source, discover
from pretrain.footage.finders import make_finder
from pretrain.footage.ingest import IngestOptions, failed_row, ingest_file
from pretrain.footage.manifest import FAILURES, NAME, STATUSES, ManifestRow, write_manifest
from pretrain.footage.pool import run_jobs
from pretrain.footage.spool import SpoolWriter, read_spool

STUCK_SECONDS = 60.0
"""A file of which nothing could be decoded for this long is given up."""


class Job(NamedTuple):
    """One file for one worker."""

    source: Source
    spool: Path
    options: IngestOptions


def prepare(
    footage: Sequence[Path],
    out: Path,
    *,
    faces: str = "nets",
    face_weights: Path | None = None,
    size: int = 112,
    workers: int | None = None,
) -> int:
    """Finds, follows and aligns all faces of the footage and writes them to `out` as a clip dataset.

    Returns the exit code: 0, or 1 if some files failed (their rows in the manifest say why) and the rest is done.
    Where no file gave a single crop, `out` holds the manifest only. Raises `UserError` for footage that does not exist,
    an `out` that is not empty, or wrong options.
    """
    options = _options(faces, face_weights, size)
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: should be at least 1")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} already exists and is not empty; choose another --out")
    found = discover(footage)
    start = time.monotonic()
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.incomplete."))  # 0700
    try:
        spools = scratch / "spools"
        spools.mkdir()
        jobs = [Job(s, spools / f"{i:08d}", options) for i, s in enumerate(found.sources)]
        rows = _run(jobs, workers or os.cpu_count() or 1)
        seconds = time.monotonic() - start
        print_totals(rows, found.ignored, seconds)
        clips = scratch / "clips"
        clips.mkdir(mode=0o700)
        _write(rows, jobs, clips, options)
        if out.exists():
            out.rmdir()
        clips.rename(out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return int(any(row.status in FAILURES for row in rows))


def _options(faces: str, face_weights: Path | None, size: int) -> IngestOptions:
    make_finder(faces, face_weights)
    try:
        return IngestOptions(faces=faces, face_weights=face_weights, size=size)
    except ValidationError as e:
        first = e.errors()[0]
        raise UserError(f"--{first['loc'][0]} {first['input']}: {first['msg'].lower()}") from None


def ingest_job(job: Job, beat: Callable[[float], None]) -> ManifestRow:
    """What a worker does with a file."""
    cv2.setNumThreads(1)
    with SpoolWriter(job.spool) as emit:
        return ingest_file(job.source.path, job.source.name, job.options, emit, beat)


def _run(jobs: Sequence[Job], workers: int) -> list[ManifestRow]:
    """Rows of all files, in the order of the jobs."""
    rows: dict[int, ManifestRow] = {}
    done: dict[int, float] = {}
    start = time.monotonic()
    with progress("prepare", len(jobs)) as meter:
        for event in run_jobs(ingest_job, jobs, workers, STUCK_SECONDS):
            if event.kind == "progress":
                done[event.job] = event.value
            else:
                rows[event.job] = _finished(event.kind, event.value, jobs[event.job], meter)
                done[event.job] = rows[event.job].seconds
            rate = sum(done.values()) / max(time.monotonic() - start, 1e-9)
            meter.update(len(rows), f"{rate:.1f} s of video per s")
    return [rows[i] for i in range(len(jobs))]


def _finished(kind: str, value: object, job: Job, meter: Meter) -> ManifestRow:
    if isinstance(value, ManifestRow):
        row = value
    else:
        meter.line(f"{job.source.name}: {kind} ({value})")
        row = failed_row(job.source.name, "stuck" if kind == "stuck" else "crashed")
    if row.status in FAILURES:
        meter.line(f"{row.file}: {row.status} ({row.reason})")
    return row


def _write(rows: Iterable[ManifestRow], jobs: Sequence[Job], clips: Path, options: IngestOptions) -> None:
    rows = list(rows)
    if any(row.crops for row in rows):
        write_clips(_all_records(jobs), clips, options.size)
    else:
        print("no face in any file: a manifest, but no clips")
    write_manifest(rows, clips / NAME)
    (clips / "config.json").write_text(json.dumps(asdict(options), indent=2, default=str) + "\n")


def _all_records(jobs: Sequence[Job]) -> Iterator[ClipRecord]:
    for job in jobs:
        if job.spool.exists():
            yield from read_spool(job.spool)


def print_totals(rows: Sequence[ManifestRow], ignored: int, seconds: float) -> None:
    """Prints what was done: files by status, frames, faces, crops, tracks and the realtime factor."""
    frames, faces, crops, tracks = (
        sum(getattr(row, name) for row in rows) for name in ("frames_in", "frames_face", "crops", "tracks")
    )
    video = sum(row.seconds for row in rows)
    print(f"{len(rows)} files: {_by_status(rows)}; {ignored} other files ignored")
    print(f"{frames} frames, {faces} with a face; {crops} crops in {tracks} tracks")
    print(f"{video:.0f} s of video in {seconds:.1f} s: {video / max(seconds, 1e-9):.1f} times real time")


def _by_status(rows: Sequence[ManifestRow]) -> str:
    counts = Counter(row.status for row in rows)
    return ", ".join(f"{counts[s]} {s}" for s in STATUSES if counts[s])
