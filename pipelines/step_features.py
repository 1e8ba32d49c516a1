"""Features of a cohort by steps of a pretraining run, kept in a run folder: a resume embeds nothing again."""

import hashlib
import json
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from personalize.cohorts.columns import texts
from personalize.cohorts.layout import Cohort
from personalize.config import PersonalizeConfig
from pipelines.embedding import ENCODER_KEY, Encoder, embed_tracks, write_features
from pipelines.personalization.command import FEATURES
from pipelines.personalization.inputs import Inputs, Source, read_inputs
from pretrain.clips.tracks import Track, index_tracks
from pretrain.errors import UserError
from pretrain.training.start import Source as Run
from pretrain.training.start import kept_steps, saved_marks

MADE_OF = b"wince_made_of"
"""In the metadata of features: checksums of clips and names of videos, fingerprint of the checkpoint."""


class Sample(NamedTuple):
    """A cohort and the clips of its videos."""

    source: Source
    clips: Path


class Embedder:
    """Embeds steps of one run into the folder `out`, each of them once."""

    def __init__(self, run: Run, out: Path) -> None:
        self.run = run
        self._out = out

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.run.config)

    def mark(self, step: int) -> int | None:
        """The fingerprint of a step's checkpoint; None where the run keeps it no more."""
        return saved_marks(self.run, [step])[step] if step in kept_steps(self.run) else None

    def file(self, step: int, sample: Sample, name: str = "") -> Path:
        """The features of the cohort's videos, made now if they are not there.

        Raises `UserError` where those that are there are by another encoder or of other clips, or where the clips are
        of other videos.
        """
        file = self._out / FEATURES / f"{name}{step}.parquet"
        videos = sorted(video for video in texts(sample.source.cohort.recordings, "video").tolist() if video)
        made_of = {"clips": clips_checksum(sample.clips), "videos": _checksum("\n".join(videos).encode())}
        if file.is_file():
            _check_same(file, made_of, self.mark(step))
            return file
        params, identity = self._encoder.read(replace(self.run, step=step))
        tracks = _tracks_of(sample.clips, frozenset(videos), sample.source.cohort)
        featurize = self._encoder.featurizer(params, sample.clips)
        table, said = embed_tracks(tracks, self.run.config.clip, featurize, sample.clips)
        write_features(table, {ENCODER_KEY: identity, MADE_OF: made_of | {"checkpoint": self.mark(step)}}, file)
        print(f"step {step}: {said}: {file}")
        return file

    def inputs(
        self,
        config: PersonalizeConfig,
        step: int,
        tested: Sample,
        train: Sample | None,
        apart: frozenset[str] = frozenset(),
    ) -> Inputs:
        """Features by a step, joined with the ratings; the record says which run's encoder made them, and how."""
        source = tested.source._replace(
            features=self.file(step, tested), name=f"{self.run.folder.resolve().name}@{step}"
        )
        other = train and train.source._replace(features=self.file(step, train, "train_"))
        inputs = read_inputs(config, source, other, apart)
        encoder = {"run": str(self.run.folder.resolve()), **inputs.record["encoder"]}
        more = {"encoder": encoder, "clips_checksum": clips_checksum(tested.clips), "prepared": prepared(tested.clips)}
        return inputs._replace(record=inputs.record | more)


def clips_checksum(clips: Path) -> str:
    """Of a clip dataset's manifest and description, and of the sizes of its shards, but not of every pixel."""
    if not clips.is_dir():
        raise UserError(f"no clips at {clips}: make them with `wince prepare`")
    parts = []
    for file in sorted(path for path in clips.iterdir() if path.is_file()):
        parts.append(f"{file.name} {file.stat().st_size}".encode())
        parts += [file.read_bytes()] if file.suffix in (".json", ".csv") else []
    return _checksum(b"\n".join(parts))


def prepared(clips: Path) -> dict[str, Any]:
    """The options that clips were prepared with, as `prepare` takes them; {} where they do not say."""
    file = clips / "config.json"
    found = json.loads(file.read_text()) if file.is_file() else {}
    flat = {**found, **found.get("sampling", {})}
    return {name: value for name, value in flat.items() if name not in ("sampling", "private")}


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_same(file: Path, made_of: dict[str, str], mark: int | None) -> None:
    """That features are of these clips and, where the checkpoint is still there, of that."""
    try:
        before = json.loads((pq.read_schema(file).metadata or {})[MADE_OF])
    except (OSError, KeyError, ValueError, pa.ArrowException):
        before = {}
    now = made_of | {"checkpoint": before.get("checkpoint") if mark is None else mark}
    for key, what in (("clips", "other clips"), ("videos", "other videos"), ("checkpoint", "another encoder")):
        if before.get(key) != now[key]:
            raise UserError(f"{file} was made of {what}; choose another --out, or repeat its command")


@cache
def _indexed(clips: Path) -> list[Track]:
    return index_tracks(clips)


def _tracks_of(clips: Path, videos: frozenset[str], cohort: Cohort) -> list[Track]:
    tracks = [track for track in _indexed(clips) if track.source in videos]
    if not tracks:
        first = _indexed(clips)[0].source
        raise UserError(f"{clips} has nothing of the videos in {cohort.root} (its first source: {first})")
    return tracks
