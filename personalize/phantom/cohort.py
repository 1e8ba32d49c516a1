"""Writes a cohort of phantom people: videos, ratings and, apart from them, the truth."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np
import pandas as pd
from jaxtyping import Float, UInt8

from personalize.phantom.camera import sample_camera
from personalize.phantom.course import QUIET, Course, faces, make_course
from personalize.phantom.face import render
from personalize.phantom.parameters import AUS, INDEX, pspi
from personalize.phantom.people import VARIED, PeopleConfig, Person, Signature, sample_person
from pretrain.errors import UserError

Progress = Callable[[int, int], None]
_H264 = {"preset": "veryfast", "crf": "20", "x264-params": "mbtree=0"}
"""With macroblock trees x264 writes different bytes for the same frames now and then."""


def write_cohort(
    out: Path,
    *,
    participants: int,
    seed: int,
    recordings: int = 2,
    seconds: float | int = 16,
    fps: int = 10,
    size: int = 128,
    ratings: bool = True,
    first: int = 1,
    people: PeopleConfig = VARIED,
    progress: Progress | None = None,
) -> None:
    """Writes phantom people as a cohort on disk (BIDS-like), whole or not at all.

    `first` is the number of the first participant; a person depends on `seed` and its number alone, and so do its
    recordings. With `ratings=False` there are no events: footage for pretraining. Truth (action units, pain, pose)
    goes to `derivatives/truth`. `progress(done, total)` counts recordings.

    Raises `UserError` when `out` exists and is not an empty folder, and for sizes that make no video.
    """
    _check(out, participants, recordings, seconds, fps, size, first)
    members = {n: sample_person([seed, n], people) for n in range(first, first + participants)}
    jobs = [(n, session) for n in members for session in range(1, recordings + 1)]
    with _whole_or_nothing(out) as root, ThreadPoolExecutor(1) as encoder:
        _write_tables(root, {_name(n): person for n, person in members.items()}, people, seed)
        encoding: Future[None] | None = None
        for done, (n, session) in enumerate(jobs, 1):
            rng = np.random.default_rng([seed, n, session])
            camera = sample_camera(rng, members[n].looks.skin)
            course = make_course(members[n], camera, rng, seconds, fps)
            frames = render(faces(members[n].looks, camera, course, int(rng.integers(2**20))), size)
            if encoding:  # at most one recording waits for the encoder
                encoding.result()
            stem = f"{_name(n)}/ses-{session:02d}/{_name(n)}_ses-{session:02d}"
            path = _parent(root / f"{stem}_video.mp4")
            encoding = encoder.submit(write_video, path, frames, fps)
            if ratings:
                _tsv(_events(course, members[n].signature, rng, fps), root / f"{stem}_events.tsv")
            _tsv(_truth(course), _parent(root / f"derivatives/truth/{stem}_aus.tsv"))
            if done == len(jobs):
                encoding.result()
            if progress:
                progress(done, len(jobs))


def write_video(path: Path, frames: UInt8[np.ndarray, "n height width 3"], fps: int) -> None:
    """Writes RGB frames as an ordinary mp4 (H.264, yuv420p). Height and width must be even."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=_H264)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _check(
    out: Path, participants: int, recordings: int, seconds: float | int, fps: int, size: int, first: int
) -> None:
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} exists and is not an empty folder: choose another --out")
    for name, value, least in (
        ("participants", participants, 1),
        ("recordings", recordings, 1),
        ("seconds", seconds, QUIET + 1),
        ("fps", fps, 1),
        ("size", size, 32),
        ("first", first, 1),
    ):
        if value < least:
            raise UserError(f"phantom cohort: {name}={value} is too small; the least is {least}")
    if size % 2:
        raise UserError(f"phantom cohort: size={size} is odd, which H.264 cannot store; take {size + 1}")


def _name(number: int) -> str:
    return f"sub-P{number:03d}"


@contextmanager
def _whole_or_nothing(out: Path) -> Iterator[Path]:
    """A scratch folder beside `out` that takes its place at the end, or vanishes on failure."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield scratch
        if out.exists():
            out.rmdir()
        scratch.rename(out)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _parent(file: Path) -> Path:
    """The same path, its folder made for the owner alone (`parents=True` would not apply the mode to all)."""
    for folder in reversed(file.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    return file


def _tsv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, sep="\t", index=False, float_format="%.6g")


def _json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def _events(course: Course, signature: Signature, rng: np.random.Generator, fps: int) -> pd.DataFrame:
    """One self-rating and one coder's PSPI for every second."""
    starts = np.arange(0, len(course.time), fps)
    duration = np.diff(np.append(starts, len(course.time)))
    pain, shown = (np.add.reduceat(x, starts) / duration for x in (course.pain, coded_pspi(course, signature)))
    noise = signature.rating_noise * rng.normal(size=len(starts))
    vas = np.clip(signature.rating_offset + signature.rating_gain * pain + noise, 0, 10)
    rows = {"onset": starts / fps, "duration": duration / fps}
    return pd.concat(
        [
            pd.DataFrame({**rows, "scale": "vas", "value": np.round(vas, 1), "rater": "self"}),
            pd.DataFrame({**rows, "scale": "pspi", "value": np.round(shown, 2), "rater": "coder1"}),
        ],
        ignore_index=True,
    )


def coded_pspi(course: Course, signature: Signature) -> Float[np.ndarray, "n"]:
    """PSPI per frame as a coder finds it: whole intensities beyond the resting tone, lids open or shut."""
    coded = np.round(np.maximum(course.aus - signature.rest, 0))
    lids = INDEX["AU43"]
    coded[:, lids] = course.aus[:, lids] >= 0.5
    return pspi(coded)


def _truth(course: Course) -> pd.DataFrame:
    view = course.view
    angles = {name: np.degrees(getattr(view, name)) for name in ("yaw", "pitch", "roll")}
    units = dict(zip(AUS, course.aus.T, strict=True))
    return pd.DataFrame(
        {"onset": course.time, **units, "AU45": course.blink, "pspi": course.pspi, "pain": course.pain, **angles}
    )


def _write_tables(root: Path, members: dict[str, Person], people: PeopleConfig, seed: int) -> None:
    rows = [
        {
            "participant_id": name,
            "age": p.age,
            "sex": p.sex,
            "skin_tone": p.skin_tone,
            "glasses": "yes" if p.glasses else "no",
        }
        for name, p in members.items()
    ]
    _tsv(pd.DataFrame(rows), root / "participants.tsv")
    _json(_COLUMNS, root / "participants.json")
    description = {**_DESCRIPTION, "Seed": seed, "People": asdict(people)}
    _json(description, root / "dataset_description.json")
    truth = [{"participant_id": name, **_signature_row(p.signature)} for name, p in members.items()]
    _tsv(pd.DataFrame(truth), _parent(root / "derivatives/truth/participants.tsv"))


def _signature_row(s: Signature) -> dict[str, float]:
    gains = {f"gain_{name}": value for name, value in zip(AUS, s.gain, strict=True)}
    rest = {f"rest_{name}": value for name, value in zip(AUS, s.rest, strict=True)}
    ratings = {name: getattr(s, name) for name in ("rating_gain", "rating_offset", "rating_noise")}
    return {**gains, **rest, **ratings}


_COLUMNS = {
    "participant_id": {"Description": "Pseudonym"},
    "age": {"Description": "Age of the synthetic person", "Units": "years"},
    "sex": {"Description": "Sex of the synthetic person", "Levels": {"F": "female", "M": "male"}},
    "skin_tone": {"Description": "Monk Skin Tone, 1 (lightest) to 10 (darkest)"},
    "glasses": {"Description": "Wears glasses", "Levels": {"yes": "yes", "no": "no"}},
}
_DESCRIPTION = {
    "Name": "Phantom: synthetic people with known pain",
    "BIDSVersion": "1.10.0",
    "DatasetType": "raw",
    "License": "CC0-1.0",
    "KnownCaveats": [
        "Synthetic: drawn faces with invented rules of pain and expression; no result here holds for people.",
        "PSPI counts what is shown beyond the person's resting tone; smiles, frowns and squints count too.",
        "derivatives/truth holds what no study can know and is for scoring and tests only.",
    ],
}
