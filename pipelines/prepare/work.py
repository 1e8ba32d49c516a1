"""The work on single files: what a worker does with one, and a pool of workers that do them all."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2

from pipelines.prepare.gauge import Gauge, Tally
from pipelines.prepare.partial import Stamp, finish, finish_empty, pair
from pipelines.private import hide_digest, read_key
from pipelines.progress import Meter, progress
from pretrain.clips.dataset import ClipRecord
from pretrain.footage.discover import sequence_images
from pretrain.footage.ingest import IngestOptions, failed_row, ingest_file
from pretrain.footage.manifest import FAILURES, ManifestRow
from pretrain.footage.pool import Beat, Event, run_jobs
from pretrain.footage.spool import SpoolWriter

STUCK_SECONDS = 60.0
"""A file of which nothing could be decoded for this long is given up."""


class Job(NamedTuple):
    """One file for one worker."""

    path: Path
    name: str
    """What it is called in manifest, records and messages: its name, or what hides it."""
    stamp: Stamp
    folder: Path
    """The folder of work in progress."""
    options: IngestOptions
    key_file: Path | None
    """Holds the key that hides the checksum too; the key itself should not travel."""


def stamp_of(path: Path) -> Stamp:
    """Size and time of a file, or of all images of a sequence; zeros for what cannot be looked at."""
    try:
        files = (sequence_images(path) or [path]) if path.is_dir() else [path]
        found = [file.stat() for file in files]
    except OSError:
        return Stamp(0, 0)
    return Stamp(sum(f.st_size for f in found), max(f.st_mtime_ns for f in found))


def ingest_job(job: Job, beat: Beat) -> ManifestRow:
    """Prepares one file and puts its pair into the folder of work in progress."""
    _use_one_core()
    tally = Tally(job.path)
    with SpoolWriter(pair(job.folder, job.name)[0]) as spool:

        def emit(record: ClipRecord) -> None:
            spool(record)
            tally.faces += len(record.frames)

        def get_on(seconds: float) -> None:
            tally.seconds = seconds
            beat(tally.read)

        row = ingest_file(job.path, job.name, job.options, emit, get_on)
    row = replace(row, sha256=hide_digest(row.sha256, read_key(job.key_file) if job.key_file else None))
    finish(job.folder, row, job.stamp, spool)
    return row


def ingest_alone(job: Job) -> ManifestRow:
    """The same in a process of its own, for runners that know nothing of files that hang or kill."""
    (event,) = (e for e in run_jobs(ingest_job, [job], 1, STUCK_SECONDS) if e.kind != "progress")
    return _settle(event, job)


def run_pool(jobs: Sequence[Job], workers: int, all_files: int) -> list[ManifestRow]:
    """Rows of all files, in no particular order; a file that hangs or kills its worker gets its row here.

    `all_files` is how many there are with those that were finished before. Shows progress.
    """
    jobs = sorted(jobs, key=lambda job: -job.stamp.size)  # the longest first, so that no core waits for it at the end
    rows: list[ManifestRow] = []
    gauge = Gauge([job.stamp.size for job in jobs], all_files, time.monotonic)
    with progress("prepare", max(gauge.total, 1)) as meter:
        meter.update(0, "", gauge.shown())
        for event in run_jobs(ingest_job, jobs, workers, STUCK_SECONDS):
            if event.kind == "progress":
                gauge.running(event.job, event.value)
            else:
                rows.append(_settle(event, jobs[event.job]))
                gauge.finished(event.job, rows[-1])
                _complain(event, rows[-1], jobs[event.job], meter)
            meter.update(gauge.done, gauge.note(), gauge.shown())
    return rows


def default_workers() -> int:
    """One for every core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _use_one_core() -> None:
    """Sums are split by the number of cores, hence their rounding, and with it pixels, would depend on the machine."""
    cv2.setNumThreads(1)
    os.environ["NPROC"] = "1"  # heeded by XLA when it starts, which is later


def _settle(event: Event, job: Job) -> ManifestRow:
    if event.kind == "done":
        return event.value
    row = failed_row(job.name, "stuck" if event.kind == "stuck" else "crashed")
    finish_empty(job.folder, row, job.stamp)
    return row


def _complain(event: Event, row: ManifestRow, job: Job, meter: Meter) -> None:
    if row.status in FAILURES:
        # the message of an error may hold a path, which is nobody's business where names are hidden
        why = "" if event.kind == "done" or job.key_file else f": {event.value}"
        meter.line(f"{row.file}: {row.status} ({row.reason}){why}")
