"""Clip records of one file on disk while the others are still being prepared: plain numpy arrays, one after another."""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pretrain.clips.dataset import ClipRecord
from pretrain.errors import RunFailure

SCRATCH_ENDING = ".tmp"
"""How files end that are still being written."""
_NAMES = tuple(f.name for f in fields(ClipRecord))
_LISTS = frozenset(f.name for f in fields(ClipRecord) if f.type in (list[bytes], "list[bytes]"))


class SpoolWriter:
    """Writes records to a file that only appears under its name when all of them are there, on the disk itself.

    `size` and `sha256` tell what was written. Raises `RunFailure` where the disk does not take it: the footage, whose
    errors are `OSError`s too, must not be blamed for that.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.size = 0
        try:
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=SCRATCH_ENDING)
        except OSError as error:
            raise _not_written(path, error) from error
        self._file, self._scratch = os.fdopen(descriptor, "wb"), Path(name)

    @property
    def sha256(self) -> str:
        """Checksum of everything written so far."""
        return self._digest.hexdigest()

    def __call__(self, record: ClipRecord) -> None:
        """Appends a record."""
        block = io.BytesIO()
        for name in _NAMES:
            for array in _to_arrays(name, getattr(record, name)):
                np.save(block, array, allow_pickle=False)
        self._digest.update(block.getbuffer())
        self.size += block.tell()
        try:
            self._file.write(block.getbuffer())
        except OSError as error:
            raise _not_written(self._path, error) from error

    def __enter__(self) -> "SpoolWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keeps the file after success and removes it otherwise."""
        try:
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())
                self._scratch.rename(self._path)
        except OSError as error:
            kind = RunFailure
            raise _not_written(self._path, error) from error
        finally:
            if kind is not None:
                self._scratch.unlink(missing_ok=True)
            _close(self._file)


def read_spool(path: Path) -> Iterator[ClipRecord]:
    """The records of a finished spool file, in the order in which they were written."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            yield ClipRecord(**{name: _from_arrays(name, file) for name in _NAMES})


def _to_arrays(name: str, value: Any) -> list[np.ndarray]:
    if name not in _LISTS:
        return [np.asarray(value)]
    pieces = [np.frombuffer(piece, np.uint8) for piece in value]
    return [np.array([len(p) for p in pieces], np.int64), np.concatenate([np.zeros(0, np.uint8), *pieces])]


def _from_arrays(name: str, file: io.BufferedReader) -> Any:
    array = np.load(file, allow_pickle=False)
    if name not in _LISTS:
        return array if array.ndim else array.item()
    joined = np.load(file, allow_pickle=False)
    return [joined[end - n : end].tobytes() for end, n in zip(np.cumsum(array), array, strict=True)]


def _close(file: io.BufferedWriter) -> None:
    try:
        file.close()
    except OSError:  # what could not be written is still in its buffer; it has been reported
        file.raw.close()


def _not_written(path: Path, error: OSError) -> RunFailure:
    return RunFailure(f"{path.parent} cannot be written ({error.strerror or error})")
