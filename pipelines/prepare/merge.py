"""From the pairs of finished files to the clip dataset: the same bytes whoever did the files, and in which order."""

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipelines.prepare.options import config_of
from pipelines.prepare.partial import finished_row, records_of, sweep, sync_folder
from pipelines.prepare.work import Job
from pretrain.clips.dataset import ClipRecord, write_clips
from pretrain.errors import RunFailure, UserError
from pretrain.footage.ingest import IngestOptions
from pretrain.footage.manifest import NAME, ManifestRow, write_manifest

CONFIG = "config.json"
UNFINISHED = "clips"
"""Where in the folder of work in progress the dataset is written."""
LISTED = 20
"""Files that are not done are named up to this number."""


def finished_rows(folder: Path, jobs: Sequence[Job]) -> list[ManifestRow]:
    """The rows of all files by name; files that are not done are listed, and `RunFailure` raised."""
    rows = {job.name: finished_row(folder, job.name, job.stamp) for job in jobs}
    missing = [name for name, row in rows.items() if row is None]
    if missing:
        for name in missing[:LISTED]:
            print(f"not done: {name}", file=sys.stderr)
        if len(missing) > LISTED:
            print(f"... and {len(missing) - LISTED} more", file=sys.stderr)
        raise RunFailure(f"{len(missing)} of {len(rows)} files are not done: run their shards again, then merge")
    return sorted((row for row in rows.values() if row), key=lambda row: row.file)


def write_dataset(
    rows: Sequence[ManifestRow], folder: Path, out: Path, options: IngestOptions, key: bytes | None
) -> None:
    """Turns the folder of work in progress into the clips `out`, which appear whole or not at all."""
    sweep(folder)
    clips = folder / UNFINISHED
    shutil.rmtree(clips, ignore_errors=True)
    if not any(row.crops for row in rows):
        print("no face in any file: a manifest, but no clips")
    with disk_errors(folder):
        clips.mkdir(mode=0o700)
        records = records_of(folder, [row.file for row in rows if row.crops])
        fill(clips, rows, records, options.size, json.dumps(config_of(options, key), indent=2) + "\n")
        sync_tree(clips)
        if out.exists():
            out.rmdir()
        clips.rename(out)
        sync_folder(out.parent)


def fill(
    clips: Path, rows: Sequence[ManifestRow], records: Iterable[ClipRecord], size: int, config: str | None
) -> None:
    """Writes the files of a clip dataset into an empty folder; without crops a manifest and no dataset."""
    if any(row.crops for row in rows):
        write_clips(records, clips, size)
    write_manifest(rows, clips / NAME)
    if config is not None:
        (clips / CONFIG).write_text(config)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full disk into one line that says how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
            raise
        raise RunFailure(_full(folder, str(error.strerror))) from error
    except (RuntimeError, ValueError) as error:  # the writer of ArrayRecord, which is not Python
        if not any(word in str(error) for word in ("RESOURCE_EXHAUSTED", "No space left", "File too large")):
            raise
        raise RunFailure(_full(folder, "the dataset does not fit")) from error


def _full(folder: Path, what: str) -> str:
    return f"no room on the disk ({what}): what is finished is kept in {folder}; make room and repeat the command"


def sync_tree(folder: Path) -> None:
    """Brings all files in a folder to the disk."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            sync_folder(path)
        elif path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def is_finished(out: Path) -> bool:
    """Whether `out` holds clips already; raises `UserError` when it holds anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not ((out / NAME).is_file() and (out / CONFIG).is_file()):
        raise UserError(f"{out} already exists and is not empty; choose another --out")
    return True
