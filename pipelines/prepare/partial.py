"""The folder of work in progress, `CLIPS.partial`: for every finished piece of footage a pair of files.

    begun.json        options, key mark and versions that the work was begun with
    lock*             who is at work
    files/ID.records  the clip records of a piece of footage, in the format of the spool
    files/ID.json     its manifest row, the size and checksum of its records, and the footage's size and time

`ID` is a hash of the (private: hidden) name. Both files are put in place whole, records first; a pair counts when both
are whole and the footage is as it was. Whatever else lies there is half done and worth nothing.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.run_folder import first_difference
from pretrain.clips.dataset import ClipRecord
from pretrain.errors import RunFailure, UserError
from pretrain.footage.manifest import ManifestRow
from pretrain.footage.spool import SCRATCH_ENDING, SpoolWriter, read_spool

ENDING = ".partial"
BEGUN = "begun.json"
FILES = "files"


class Stamp(NamedTuple):
    """What tells cheaply whether a piece of footage is as it was."""

    size: int
    mtime_ns: int


def partial_folder(out: Path) -> Path:
    """Where the work on the clips `out` lies until they are whole; `UserError` if `out` has no name of its own."""
    if out.name in ("", ".."):
        raise UserError(f"--out {out}: name a folder that is not there yet, such as {out / 'clips'}")
    return out.with_name(out.name + ENDING)


def begin(folder: Path, record: dict[str, Any]) -> None:
    """Makes the folder, or makes sure that it was begun with the same `record`; else raises `UserError`."""
    (folder / FILES).mkdir(mode=0o700, exist_ok=True)
    file = folder / BEGUN
    if not file.exists():
        write_whole(file, json.dumps(record, indent=2).encode())
    different = first_difference(json.loads(file.read_text()), record)
    if different:
        raise UserError(f"{folder} was begun otherwise: {different}; repeat its command, or delete it to begin anew")


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """The records file and the row file of a piece of footage."""
    stem = hashlib.sha256(name.encode()).hexdigest()[:32]
    return folder / FILES / f"{stem}.records", folder / FILES / f"{stem}.json"


def finish(folder: Path, row: ManifestRow, stamp: Stamp, spool: SpoolWriter) -> None:
    """Puts the row beside the records that `spool` has just put in place: now the file counts as finished."""
    about = {
        "row": asdict(row),
        "records": {"size": spool.size, "sha256": spool.sha256},
        "footage": stamp._asdict(),
    }
    write_whole(pair(folder, row.file)[1], json.dumps(about).encode())


def finish_empty(folder: Path, row: ManifestRow, stamp: Stamp) -> None:
    """Notes a file of which nothing is kept."""
    with SpoolWriter(pair(folder, row.file)[0]) as spool:
        pass
    finish(folder, row, stamp, spool)


def finished_row(folder: Path, name: str, stamp: Stamp | None = None) -> ManifestRow | None:
    """The row of a finished piece of footage, or None; with a `stamp`, only if the footage still has it."""
    about = _read_about(pair(folder, name)[1])
    if about is None or (stamp is not None and about["footage"] != stamp._asdict()):
        return None
    return ManifestRow(**about["row"])


def all_rows(folder: Path) -> Iterator[ManifestRow]:
    """The rows of everything that is finished."""
    for file in sorted((folder / FILES).glob("*.json")):
        about = _read_about(file)
        if about is not None:
            yield ManifestRow(**about["row"])


def records_of(folder: Path, names: Iterable[str]) -> Iterator[ClipRecord]:
    """The records of finished files. Damaged ones are undone, so that the next run does them again: `RunFailure`."""
    for name in names:
        records, row = pair(folder, name)
        with records.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == json.loads(row.read_text())["records"]["sha256"]
        if not whole:
            undo(folder, name)
            raise RunFailure(f"the records of {name} in {folder} are damaged: the same command makes them again")
        yield from read_spool(records)


def undo(folder: Path, name: str) -> None:
    """Removes a pair, row first."""
    for file in reversed(pair(folder, name)):
        file.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Removes what is half done. Only for whoever is alone in the folder."""
    for file in (folder / FILES).iterdir():
        if file.suffix == SCRATCH_ENDING or (file.suffix == ".records" and not file.with_suffix(".json").exists()):
            file.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all, whatever happens; the folder is on the disk afterwards too."""
    # Shares begin at the same time on machines whose processes may well have the same number.
    scratch = path.with_name(f"{path.name}.{secrets.token_hex(8)}{SCRATCH_ENDING}")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        scratch.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise RunFailure(f"{path.parent} cannot be written ({error.strerror or error})") from error


def sync_folder(folder: Path) -> None:
    """Brings the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_about(file: Path) -> dict[str, Any] | None:
    try:
        about = json.loads(file.read_text())
        whole = file.with_suffix(".records").stat().st_size == about["records"]["size"]
    except (OSError, ValueError, KeyError):
        return None
    return about if whole else None
