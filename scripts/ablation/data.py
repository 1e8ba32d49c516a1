"""Three disjoint sets of phantom people as arrays in memory, filmed once and kept in a work folder.

A set is a folder named by a hash of all that decides its content (sizes, seed, conditions and the code that films,
finds and measures), with one file per person, so that making it goes on after any interruption.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int, Shaped, UInt8

from pretrain.clips.tracks import ClipShape, Track, tile
from pretrain.errors import RunFailure
from pretrain.footage.pool import run_jobs

from .film import CONDITIONS, FPS, PICTURE, TRUTH, Job, film_person

ROOT = Path(__file__).resolve().parents[2]
SEEDS = {"pretraining": 11, "development": 22}
"""Test people have a seed of their own, which the question names."""
FILMED_BY = ("pretrain/footage", "personalize/phantom", "scripts/ablation/film.py")
"""Code that makes films, crops and measures: other code makes other people."""
PATIENCE = 300.0
"""Seconds after which a process that films is given up."""


@dataclass(frozen=True)
class Size:
    """How much is filmed."""

    pretraining: int
    """People whose films the encoders learn from."""
    people: int
    """People of the development set, and as many of the test set."""
    films: int
    """Of a pretraining person."""
    films_each: int
    """Of other people, under each condition."""
    seconds: float
    """Of a film."""
    crop: int = 64
    """Side of the crops in pixels."""

    def scaled(self, factor: float) -> "Size":
        """So many times the people."""
        many = {name: max(2, round(factor * getattr(self, name))) for name in ("pretraining", "people")}
        return Size(**(asdict(self) | many))


QUICK = Size(pretraining=12, people=10, films=3, films_each=2, seconds=14.0)
DEFAULT = Size(pretraining=60, people=30, films=4, films_each=2, seconds=20.0)
SIZES = {"quick": QUICK, "default": DEFAULT}


class Footage(NamedTuple):
    """All crops of a set of people."""

    name: str
    """A hash of what it was made from."""
    frames: UInt8[np.ndarray, "n s s"]
    landmarks: Float32[np.ndarray, "n 68 2"]
    truth: Float32[np.ndarray, "n m"]
    """Columns are `film.TRUTH`."""
    tracks: list[Track]
    """Their `offset` is the position of each crop in `frames`."""
    person: Int[np.ndarray, "tracks"]
    recording: Int[np.ndarray, "tracks"]
    """Unique over people."""
    condition: Shaped[np.ndarray, "tracks"]
    found: dict[str, float]
    """Share of the films' frames that became crops, by condition."""


class Clips(NamedTuple):
    """Clips that cover every track end to end, in order of recording and time."""

    rows: Int[np.ndarray, "n t"]
    """Positions in `Footage.frames`."""
    person: Int[np.ndarray, "n"]
    recording: Int[np.ndarray, "n"]
    track: Int[np.ndarray, "n"]
    condition: Shaped[np.ndarray, "n"]
    t0: Shaped[np.ndarray, "n"]
    t1: Shaped[np.ndarray, "n"]
    truth: Float32[np.ndarray, "n m"]
    """Mean over the clip's frames; columns are `film.TRUTH`."""


def gather(work: Path, size: Size, kind: str, seed: int, workers: int) -> Footage:
    """The footage of a set (`pretraining`, or another name for people filmed under every condition).

    Raises `RunFailure` when somebody cannot be filmed.
    """
    labels = ("ordinary",) * size.films if kind == "pretraining" else tuple(np.repeat([*CONDITIONS], size.films_each))
    conditions = tuple(map(str, labels))
    people = size.pretraining if kind == "pretraining" else size.people
    settings = {"seconds": size.seconds, "crop": size.crop, "seed": seed, "conditions": conditions, "fps": FPS}
    folder = work / "people" / digest({**settings, "picture": PICTURE, "code": code_digest(*FILMED_BY)})
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    jobs = [
        Job(folder / f"{number:04d}.npz", seed, number, conditions, size.seconds, size.crop)
        for number in range(1, people + 1)
    ]
    left = [job for job in jobs if not job.out.exists()]
    if left:
        print(f"{kind}: filming {len(left)} people, {len(conditions)} films of {size.seconds:g} s each", flush=True)
    for event in run_jobs(film_person, left, workers, PATIENCE) if left else ():
        if event.kind in ("failed", "stuck", "crashed"):
            raise RunFailure(f"filming person {left[event.job].number} of {kind}: {event.kind}, {event.value}")
    return load(folder.name, [job.out for job in jobs], conditions)


def load(name: str, files: list[Path], conditions: tuple[str, ...]) -> Footage:
    """People's files as one set."""
    people = [dict(np.load(file)) for file in files]
    tracks, owners, start = [], [], 0
    for number, arrays in enumerate(people):
        tracks += tracks_of(arrays, f"person {number}", start, len(tracks))
        owners += [(number, key[0]) for key in _runs(arrays)]
        start += len(arrays["time"])
    person, own = np.array(owners, int).reshape(-1, 2).T
    frames, landmarks, truth = (np.concatenate([a[key] for a in people]) for key in ("frames", "landmarks", "truth"))
    condition = np.array(conditions)[own]
    asked = {c: sum(int(a["frames_per_recording"]) for a in people) * conditions.count(c) for c in set(conditions)}
    crops = {c: sum(len(t.time) for t, k in zip(tracks, condition, strict=True) if k == c) for c in asked}
    found = {c: crops[c] / asked[c] for c in asked}
    return Footage(name, frames, landmarks, truth, tracks, person, person * len(conditions) + own, condition, found)


def tracks_of(arrays: dict[str, np.ndarray], source: str, start: int, number: int) -> list[Track]:
    """The tracks of one person's (or file's) crops, which lie in the set from `start` on."""
    found = []
    for key, rows in _runs(arrays).items():
        position = start + rows
        track = Track(
            number=number + len(found),
            source=f"{source}, film {key[0]}",
            track=int(key[1]),
            record=np.zeros(len(rows), np.int64),
            offset=position,
            frame_index=position,
            time=arrays["time"][rows],
            measures=arrays["measures"][rows],
        )
        found.append(track)
    return found


def _runs(arrays: dict[str, np.ndarray]) -> dict[tuple[int, int], np.ndarray]:
    """Rows of every track in order of time, by recording and track."""
    keys = (arrays["recording"], arrays["track"], arrays["segment"], arrays["time"])
    order = np.lexsort(keys[::-1])
    both = list(zip(keys[0][order].tolist(), keys[1][order].tolist(), order.tolist(), strict=True))
    return {key: np.array([row for *_, row in rows]) for key, rows in groupby(both, key=lambda row: row[:2])}


def cut(footage: Footage, shape: ClipShape) -> Clips:
    """All clips of a set."""
    windows = [tile(track.time, shape) for track in footage.tracks]
    rows = np.concatenate([t.offset[w] for t, w in zip(footage.tracks, windows, strict=True)])
    t0 = np.concatenate([t.time[w[:, 0]] for t, w in zip(footage.tracks, windows, strict=True)])
    which = np.repeat(np.arange(len(windows)), [len(w) for w in windows])
    truth = footage.truth[rows].mean(1)
    owner = (footage.person[which], footage.recording[which], which, footage.condition[which])
    return Clips(rows, *owner, t0, t0 + shape.seconds, truth)


def column(name: str) -> int:
    """Position of a column of `truth`."""
    return TRUTH.index(name)


def digest(content: object) -> str:
    """A short hash of something that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:12]


@cache
def code_digest(*parts: str) -> str:
    """A hash of Python files and of those in folders, named from the repository's root."""
    files = [f for part in parts for f in ([ROOT / part] if part.endswith(".py") else (ROOT / part).rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(files))).hexdigest()[:12]
