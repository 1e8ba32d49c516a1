"""The command itself: all or nothing, however often it is interrupted and however many machines share the work."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.prepare.lock import working_in
from pipelines.prepare.merge import finished_rows, is_finished, write_dataset
from pipelines.prepare.options import check_options, check_private, record_of
from pipelines.prepare.partial import all_rows, begin, finished_row, partial_folder, undo
from pipelines.prepare.shards import parse_shard
from pipelines.prepare.totals import print_totals
from pipelines.prepare.work import Job, default_workers, run_pool, stamp_of
from pipelines.private import hide_name
from pretrain.errors import RunFailure, UserError
from pretrain.footage.discover import Footage, discover
from pretrain.footage.manifest import FAILURES, ManifestRow, read_manifest


def prepare(
    footage: Sequence[Path],
    out: Path,
    *,
    private: Path | None = None,
    workers: int | None = None,
    shard: str | None = None,
    merge: bool = False,
    beam: Sequence[str] | None = None,
    **options: Any,
) -> int:
    """Finds, follows and aligns all faces of the footage and writes them to `out` as a clip dataset.

    `options` are fields of `IngestOptions` and of its `Sampling`. Until everything is done the work lies in `out` +
    `.partial`, from which the same command goes on after any interruption. `shard` does one share (`i/n`) of the files
    and stops there, `merge` does none and only writes the dataset; `beam` has an Apache Beam pipeline with these
    options (`key=value`) do the files. With a `private` key file, names and checksums are replaced by keyed hashes.

    Returns the exit code: 0, or 1 if some files failed (their rows in the manifest say why) and the rest is done.
    Where no file gave a single crop, `out` holds the manifest only. Raises `UserError` for footage that does not
    exist, an `out` that is not empty, work begun otherwise, or wrong options; `RunFailure` for a full disk, and for
    files that are not done when merging.
    """
    checked = check_options(options)
    share = parse_shard(shard) if shard else None
    _check_how(workers, share is not None, merge, beam)
    folder = partial_folder(out)
    if is_finished(out):
        return _tidy(out, folder)
    if merge and not folder.exists():
        raise UserError(f"nothing to merge: there is no {folder}; do the shards first, with the same --out")
    found = discover(footage)
    key = check_private(private)
    jobs = [Job(s.path, hide_name(s.name, key), stamp_of(s.path), folder, checked, private) for s in found.sources]
    with working_in(folder, str(share) if share else None):
        begin(folder, record_of(checked, key))
        _refuse_strays(folder, jobs)
        mine = share.take(jobs) if share else jobs
        rows = finished_rows(folder, jobs) if merge else _do(folder, mine, found, workers, beam)
        if share is None:
            write_dataset(finished_rows(folder, jobs), folder, out, checked, key)
            shutil.rmtree(folder)
        else:
            print(f"share {shard} is done; after the others: the same command with --merge instead of --shard")
    return _exit_code(rows)


def _check_how(workers: int | None, shard: bool, merge: bool, beam: Sequence[str] | None) -> None:
    if workers is not None and workers < 1:
        raise UserError(f"--workers {workers}: should be at least 1")
    if shard and merge:
        raise UserError("--shard does a share of the files and --merge none: give one of them")
    if beam is not None and (merge or workers is not None):
        raise UserError(f"--beam and {'--merge' if merge else '--workers'} exclude each other")


def _do(
    folder: Path, jobs: Sequence[Job], found: Footage, workers: int | None, beam: Sequence[str] | None
) -> list[ManifestRow]:
    """Does what is not finished of `jobs`; the rows of all of them."""
    left = [job for job in jobs if finished_row(folder, job.name, job.stamp) is None]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} files are done already")
    for job in left:
        undo(folder, job.name)  # footage that has changed
    start = time.monotonic()
    try:
        if beam is None and left:
            run_pool(left, workers or default_workers(), len(jobs))
        elif beam is not None:
            from pipelines.prepare.beam import run_beam

            run_beam(left, beam)
    except RunFailure as error:
        raise RunFailure(f"{error}; what is finished is kept in {folder}: repeat the command to go on") from error
    rows = finished_rows(folder, jobs)
    now = {job.name for job in left}
    print_totals(rows, found.ignored, [row for row in rows if row.file in now], time.monotonic() - start)
    return rows


def _refuse_strays(folder: Path, jobs: Sequence[Job]) -> None:
    names = {job.name for job in jobs}
    strays = sorted(row.file for row in all_rows(folder) if row.file not in names)
    if strays:
        raise UserError(
            f"{folder} was begun with other footage: {len(strays)} files done there are not in this one, such as "
            f"{strays[0]!r}; give the same footage, or delete {folder} to begin anew"
        )


def _tidy(out: Path, folder: Path) -> int:
    """The end of a run that was killed when all was done but for the removal of `folder`; else `UserError`."""
    if folder.exists():
        with working_in(folder):
            rows = read_manifest(out)
            if {row.file for row in all_rows(folder)} <= {row.file for row in rows}:
                shutil.rmtree(folder)
                print(f"{out} is finished")
                return _exit_code(rows)
    raise UserError(f"{out} is finished already; choose another --out to prepare footage anew")


def _exit_code(rows: Sequence[ManifestRow]) -> int:
    return int(any(row.status in FAILURES for row in rows))
