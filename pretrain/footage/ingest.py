"""One piece of footage from file to clip records and a row of the manifest."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from pretrain.clips.dataset import ClipRecord
from pretrain.footage.collect import CropShape, Ledger, TrackCollector
from pretrain.footage.discover import sequence_images
from pretrain.footage.faces import FaceFinder
from pretrain.footage.finders import make_finder
from pretrain.footage.follow import Follower, Sightings
from pretrain.footage.manifest import ManifestRow, format_reason
from pretrain.footage.sampling import Sampling
from pretrain.footage.video import CorruptVideo, Frame, NoVideo, VideoReader

_BLOCK = 1 << 20
"""Bytes that are read at a time for a checksum."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class IngestOptions:
    """How footage becomes clips."""

    faces: str = "nets"
    """Name of the face finder."""
    face_weights: Path | None = None
    """Folder of its weights, for a finder that needs them from the user."""
    size: Annotated[int, Ge(48), Le(256)] = 112
    """Side of the square crops in pixels."""
    margin: Annotated[float, Ge(1), Le(3)] = 1.3
    """Side of the crops in widths of the face."""
    max_faces: Annotated[int, Ge(1)] = 8
    """Faces followed at the same time."""
    sampling: Sampling = Sampling()
    """Which frames are asked for."""


@dataclass
class _Progress:
    """What is known of a file so far; complete even if reading ends with an error."""

    ledger: Ledger
    crops: int = 0
    tracks: int = 0
    seconds: float = 0.0
    step: float = 0.0


def ingest_file(
    path: Path,
    source: str,
    options: IngestOptions,
    emit: Callable[[ClipRecord], None],
    beat: Callable[[float], None] = lambda seconds: None,
) -> ManifestRow:
    """Reads a video file or image-sequence folder, gives its records to `emit` and returns its manifest row.

    `beat` is called with the seconds of video done for every decoded frame, asked for or not, and all along the
    checksum before them. Whatever is wrong with the file ends up in the row; only mistakes in the options raise.
    """
    finder = make_finder(options.faces, options.face_weights)
    progress, reader = _Progress(Ledger()), VideoReader(path, options.sampling, beat)
    failure, wrong = None, {}
    digest = ""
    try:
        digest = file_digest(path, lambda: beat(0.0))
        for record in _records(reader, source, options, finder, progress):
            emit(record)
    except NoVideo:
        failure, wrong = "no_video", {"no_stream": 1}
    except CorruptVideo:
        failure, wrong = "corrupt", {"not_a_video": 1}
    except OSError:
        failure, wrong = "unreadable", {"not_readable": 1}
    wrong |= {"damaged_packet": reader.damaged_packets, "missing_frame": reader.missing_frames}
    return _row(source, digest, progress, failure, wrong)


def failed_row(source: str, reason: str) -> ManifestRow:
    """Row of a file that ended its worker: nothing of it is kept."""
    return ManifestRow(source, "unreadable", format_reason({reason: 1}), 0, 0, 0, 0, 0, 0.0, "")


def file_digest(path: Path, beat: Callable[[], None] = lambda: None) -> str:
    """SHA-256 of a file, or of the names and contents of an image sequence; `OSError` where one cannot be read.

    `beat` is called all along: hours of film on a slow disk take minutes.
    """
    digest = hashlib.sha256()
    sequence = path.is_dir()
    for file in sequence_images(path) if sequence else [path]:
        if not file.is_file():  # reading a pipe would wait for ever
            raise OSError(f"{file} is not a regular file")
        if sequence:
            digest.update(file.name.encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as content:
            while block := content.read(_BLOCK):
                digest.update(block)
                beat()
    return digest.hexdigest()


def _records(
    reader: VideoReader,
    source: str,
    options: IngestOptions,
    finder: FaceFinder,
    progress: _Progress,
) -> Iterator[ClipRecord]:
    follower = Follower(finder, options.max_faces)
    shape = CropShape(options.size, options.margin)
    collectors: dict[int, TrackCollector] = {}
    failure = None
    try:
        for frame in _sound(reader, progress):
            seen = follower.step(frame.luma, frame.time)
            yield from _end_tracks(collectors, seen, progress)
            for sighting in seen.faces:
                if sighting.track not in collectors:
                    collectors[sighting.track] = TrackCollector(source, sighting.track, shape, progress.ledger)
                yield from collectors[sighting.track].add(frame, sighting)
            for number in collectors.keys() - {s.track for s in seen.faces}:
                collectors[number].lose()
    except (NoVideo, CorruptVideo, OSError) as error:  # what was seen before it counts, and must be counted
        failure = error
    end = Sightings([], list(collectors), cut=False)
    yield from _end_tracks(collectors, end, progress, sure=True)
    if failure:
        raise failure


def _sound(reader: VideoReader, progress: _Progress) -> Iterator[Frame]:
    """Takes all frames up and gives those that are not broken."""
    for frame in reader:
        _clock(progress, frame.time)
        progress.ledger.add(frame.index, "corrupt_frame" if frame.corrupt else "no_face")
        if not frame.corrupt:
            yield frame


def _end_tracks(
    collectors: dict[int, TrackCollector], seen: Sightings, progress: _Progress, sure: bool = False
) -> Iterator[ClipRecord]:
    """Ends tracks; unless the film was cut or is over (`sure`), nobody knows whom the last crops show."""
    for number in seen.ended:
        collector = collectors.pop(number, None)
        if collector:
            if not (seen.cut or sure):
                collector.lose()
            yield from collector.finish(seen.cut)
            progress.crops += collector.crops
            progress.tracks += collector.crops > 0


def _clock(progress: _Progress, time: float) -> None:
    """Seconds of video so far: the last frame is taken to last as long as the one before it."""
    last = progress.seconds - progress.step
    progress.step = max(0.0, time - last) if len(progress.ledger) else 0.0
    progress.seconds = time + progress.step


def _row(source: str, digest: str, progress: _Progress, failure: str | None, wrong: dict[str, int]) -> ManifestRow:
    frames, kept, reasons = progress.ledger.totals()
    damaged = any(wrong.values()) or "corrupt_frame" in reasons
    if failure is None and frames == 0:
        failure = "corrupt" if damaged else "no_video"
    if failure is None and reasons.get("corrupt_frame") == frames:
        failure = "corrupt"
    status = ("partial" if failure or damaged else "ok") if kept else (failure or "no_face")
    return ManifestRow(
        file=source,
        status=status,
        reason=format_reason(reasons | wrong),
        frames_in=frames,
        frames_face=kept,
        frames_dropped=frames - kept,
        crops=progress.crops,
        tracks=progress.tracks,
        seconds=round(progress.seconds, 3),
        sha256=digest,
    )
