"""Clip records of one file on disk while the others are still being prepared: plain numpy arrays, one after another."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from pretrain.clips.dataset import ClipRecord

_ARRAYS = ("frame_index", "time", "box", "measures", "quality")


class SpoolWriter:
    """Writes records to a file that only appears under its name when all of them are there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._file = self._partial.open("wb")

    def __call__(self, record: ClipRecord) -> None:
        """Appends a record."""
        frames = [np.frombuffer(f, np.uint8) for f in record.frames]
        head = np.array([record.track, record.segment], np.int64)
        lengths = np.array([len(f) for f in frames], np.int64)
        arrays = [np.array(record.source), head, lengths, np.concatenate(frames)]
        for array in arrays + [getattr(record, name) for name in _ARRAYS]:
            np.save(self._file, array, allow_pickle=False)

    def __enter__(self) -> "SpoolWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keeps the file after success and removes it otherwise."""
        self._file.close()
        if kind is None:
            self._partial.rename(self._path)
        else:
            self._partial.unlink()


def read_spool(path: Path) -> Iterator[ClipRecord]:
    """The records of a finished spool file, in the order in which they were written."""
    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            source, head, lengths, frames = (np.load(file, allow_pickle=False) for _ in range(4))
            values = {name: np.load(file, allow_pickle=False) for name in _ARRAYS}
            ends = np.cumsum(lengths)
            pieces = [frames[e - n : e].tobytes() for e, n in zip(ends, lengths, strict=True)]
            yield ClipRecord(str(source), int(head[0]), int(head[1]), pieces, **values)
