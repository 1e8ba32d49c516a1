"""The manifest: one row per piece of footage, in which every frame is accounted for."""

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from pretrain.clips.dataset import read_clips
from pretrain.errors import UserError

NAME = "manifest.csv"

FRAME_REASONS = (
    "no_face",
    "lost",
    "too_small",
    "dark",
    "blurred",
    "profile",
    "too_short",
    "cut",
    "corrupt_frame",
)
"""Why a decoded frame has no kept crop; where several apply, the last one counts. lost: a face was followed there, but
the finder did not confirm it; too_short: the track had too few crops; cut: it had, because the film was cut."""
FILE_REASONS = (
    "damaged_packet",
    "missing_frame",
    "no_stream",
    "not_a_video",
    "not_readable",
    "stuck",
    "crashed",
)
"""What is wrong with a file beyond its decoded frames, with counts where things can be counted."""
STATUSES = ("ok", "partial", "no_face", "no_video", "corrupt", "unreadable")
"""ok: all decoded, faces kept · partial: faces kept, but parts of the file are damaged · no_face: nothing kept ·
no_video: no video stream · corrupt: not a video that can be decoded · unreadable: could not be read to its end."""
FAILURES = ("no_video", "corrupt", "unreadable")


@dataclass(frozen=True)
class ManifestRow:
    """What became of one piece of footage."""

    file: str
    status: str
    reason: str
    """Counts, as in `no_face:12 blurred:3`; empty if nothing was dropped or wrong."""
    frames_in: int
    """Frames decoded and asked for."""
    frames_face: int
    """... of which at least one crop was kept."""
    frames_dropped: int
    crops: int
    tracks: int
    seconds: float
    """From the first frame to the end of the last."""
    sha256: str


COLUMNS = tuple(f.name for f in fields(ManifestRow))


def format_reason(counts: dict[str, int]) -> str:
    """Reasons with counts in the order of the vocabulary."""
    return " ".join(f"{r}:{counts[r]}" for r in FRAME_REASONS + FILE_REASONS if counts.get(r))


def parse_reason(reason: str) -> dict[str, int]:
    """Inverse of `format_reason`. Raises `ValueError` for anything else."""
    counts = {name: int(count) for name, count in (item.split(":") for item in reason.split())}
    unknown = set(counts) - set(FRAME_REASONS) - set(FILE_REASONS)
    if unknown:
        raise ValueError(f"unknown reasons {sorted(unknown)}")
    return counts


def write_manifest(rows: Iterable[ManifestRow], path: Path) -> None:
    """Writes rows as CSV that only the owner can read, since file names may name people."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow({**asdict(row), "seconds": f"{row.seconds:.3f}"})


def read_manifest(clips: Path) -> list[ManifestRow]:
    """Rows of the manifest of a clip dataset. Raises `UserError` when it is absent or has other columns."""
    path = clips / NAME
    if not path.is_file():
        raise UserError(f"{clips} has no {NAME}: make clips with `wince prepare`")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UserError(f"{path} has columns {reader.fieldnames}; expected {', '.join(COLUMNS)}")
        return [_row(raw) for raw in reader]


def _row(raw: dict[str, str]) -> ManifestRow:
    casts = {f.name: {"int": int, "float": float}.get(str(f.type), str) for f in fields(ManifestRow)}
    casts |= {f.name: f.type for f in fields(ManifestRow) if isinstance(f.type, type)}
    return ManifestRow(**{name: casts[name](value) for name, value in raw.items()})


def check_manifest(clips: Path) -> list[str]:
    """Compares the manifest of a clip dataset with itself and with the records; one line per disagreement."""
    rows = read_manifest(clips)
    crops: Counter[str] = Counter()
    frames: dict[str, set[int]] = {}
    tracks: dict[str, set[int]] = {}
    for record in read_clips(clips):
        crops[record.source] += len(record.frames)
        frames.setdefault(record.source, set()).update(map(int, record.frame_index))
        tracks.setdefault(record.source, set()).add(record.track)
    wrong = [line for row in rows for line in _check_row(row)]
    for row in rows:
        seen = frames.get(row.file, set())
        found = {"crops": crops[row.file], "frames_face": len(seen), "tracks": len(tracks.get(row.file, ()))}
        wrong += [f"{row.file}: {k} is {getattr(row, k)}, the records say {v}" for k, v in found.items()
                  if getattr(row, k) != v]  # fmt: skip
    files = Counter(row.file for row in rows)
    wrong += [f"{name}: {count} rows" for name, count in files.items() if count > 1]
    wrong += [f"{name}: records, but no row" for name in sorted(set(crops) - set(files))]
    return wrong


def _check_row(row: ManifestRow) -> list[str]:
    try:
        counts = parse_reason(row.reason)
    except ValueError as e:
        return [f"{row.file}: reason {row.reason!r}: {e}"]
    explained = int(np.sum([counts.get(r, 0) for r in FRAME_REASONS]))
    wrong = []
    if row.frames_in != row.frames_face + row.frames_dropped:
        wrong.append(f"{row.file}: {row.frames_in} frames in, {row.frames_face} + {row.frames_dropped} accounted for")
    if explained != row.frames_dropped:
        wrong.append(f"{row.file}: {row.frames_dropped} frames dropped, reasons for {explained}")
    if row.status not in STATUSES:
        wrong.append(f"{row.file}: unknown status {row.status!r}")
    if (row.crops > 0) != (row.status in ("ok", "partial")):
        wrong.append(f"{row.file}: status {row.status} with {row.crops} crops")
    return wrong
