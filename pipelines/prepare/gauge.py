"""How far the work is: bytes of all files, since their durations are not known before they are read."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from pretrain.footage.manifest import ManifestRow

DESCRIPTORS = Path("/proc/self/fd")


class Reading(NamedTuple):
    """How far one file is."""

    seconds: float
    """Of video."""
    faces: int
    bytes: int


class Tally:
    """How far the file at `path` is, as seen from the process that reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.seconds, self.faces = 0.0, 0

    def read(self) -> Reading:
        """The state now; what is read before the first frame, for the checksum, is no progress."""
        return Reading(self.seconds, self.faces, read_so_far(self._path) if self.seconds else 0)


def read_so_far(path: Path) -> int:
    """Where in a file this process is reading; 0 where the system does not tell (Linux does) or nothing is open."""
    real = path.resolve()
    for entry in DESCRIPTORS.iterdir() if DESCRIPTORS.is_dir() else ():
        with contextlib.suppress(OSError):  # a descriptor that was closed in between, such as that of this listing
            if entry.readlink() == real:
                return int((DESCRIPTORS.with_name("fdinfo") / entry.name).read_text().split(None, 2)[1])
    return 0


class Gauge:
    """Adds up what is known of all files of a run."""

    def __init__(self, sizes: Sequence[int], all_files: int, clock: Callable[[], float]) -> None:
        self._sizes = sizes
        self._readings = [Reading(0.0, 0, 0)] * len(sizes)
        self._files, self._before = all_files, all_files - len(sizes)
        self._ended = 0
        self._clock, self._start = clock, clock()
        self.total = sum(sizes)

    def running(self, job: int, reading: Reading) -> None:
        """News of a file at work."""
        near_the_end = int(0.99 * self._sizes[job])  # where the index at the end of a file is read first
        self._readings[job] = reading._replace(bytes=min(reading.bytes, near_the_end))

    def finished(self, job: int, row: ManifestRow) -> None:
        """A file is done."""
        self._ended += 1
        self._readings[job] = Reading(row.seconds, row.crops, self._sizes[job])

    @property
    def done(self) -> int:
        """Bytes done of `total`."""
        return sum(r.bytes for r in self._readings)

    def shown(self) -> str:
        """Files done of all, those finished before this run too."""
        return f"{self._before + self._ended}/{self._files} files"

    def note(self) -> str:
        """Hours of video, realtime factor, faces a second; empty before there is any."""
        seconds, faces = sum(r.seconds for r in self._readings), sum(r.faces for r in self._readings)
        if not seconds:
            return ""
        spent = max(self._clock() - self._start, 1e-9)
        return f"{footage_time(seconds)} of video, {seconds / spent:.1f} x real time, {faces / spent:.0f} faces/s"


def footage_time(seconds: float) -> str:
    """Hours of video, or seconds where it is less than six minutes."""
    return f"{seconds / 3600:.1f} h" if seconds >= 360 else f"{seconds:.0f} s"
