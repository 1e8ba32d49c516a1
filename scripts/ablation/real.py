"""Smiling or neutral on labelled stills of real people, by a probe on a few of them.

Encoders that have seen real clips stay in the work folder: they are for this table only.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from personalize.evaluation.bootstrap import draw_counts, mean_replicates
from personalize.phantom.files import write_video
from pretrain.clips.dataset import ClipRecord
from pretrain.errors import RunFailure, UserError
from pretrain.footage.discover import discover
from pretrain.footage.ingest import IngestOptions, file_digest, ingest_file
from pretrain.footage.pool import run_jobs
from pretrain.footage.sampling import Sampling

from .data import FILMED_BY, PATIENCE, Clips, Footage, code_digest, cut, digest, tracks_of
from .film import FPS, TRUTH, record_arrays
from .recipes import SHAPE
from .scores import DRAWS, Columns
from .study import UNTRAINED, People, Study, features, people
from .tables import over_seeds, table, with_interval

TRAIN_ON = (2, 5, 10)
"""People whose two stills train the probe."""
TIMES = 50
STILL_SECONDS = 1.6
BARE_ROWS = ("measures", "landmarks", "pixel PCA")


class RealJob(NamedTuple):
    """One file to prepare."""

    out: Path
    video: Path
    crop: int


def prepare_file(job: RealJob, beat: Callable[[float], None]) -> None:
    """Prepares one video as any footage is prepared, and writes its crops as `job.out`, whole or not at all."""
    cv2.setNumThreads(1)
    records: list[ClipRecord] = []
    options = IngestOptions(size=job.crop, sampling=Sampling(fps=FPS))
    ingest_file(job.video, job.video.name, options, records.append, beat)
    parts = [record_arrays(record) for record in records]
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} if parts else {}
    scratch = job.out.with_suffix(".tmp.npz")
    np.savez(scratch, allow_pickle=False, **arrays)
    scratch.replace(job.out)


def smiles(study: Study, recipe: str, seeds: Sequence[int], videos: Path, stills: Path) -> str:
    """The table: accuracy on stills of people the probe has not seen, by features and people it was trained on."""
    if recipe not in study.recipes():
        raise UserError(f"no recipe {recipe!r}: an encoder of this table is pretrained without labels")
    labels = pd.read_csv(stills / "labels.csv")
    films = _still_films(study.work / "stills", stills, labels["file"].tolist())
    phantoms = people(study, "pretraining")
    clips = _gather(study, [source.path for source in discover([videos]).sources], "videos")
    both = _people(join(phantoms.footage, clips))
    pictures = _people(_gather(study, films, "stills"))
    found, rows = _complete(labels, pictures)
    print(f"{len(found)} of {len(labels)} stills, of {found.subject_id.nunique()} people with both", flush=True)

    def scored(row: str, seed: int, learnt: People) -> Columns:
        return probe(_per_still(features(study, row, seed, learnt, pictures), pictures.clips, rows), found)

    table_rows = {row: scored(row, 0, both) for row in BARE_ROWS}
    for name, row, learnt in (
        (UNTRAINED, UNTRAINED, phantoms),
        (f"{recipe}, phantoms only", recipe, phantoms),
        (f"{recipe}, phantoms and real clips", recipe, both),
    ):
        table_rows[name] = over_seeds([scored(row, seed, learnt) for seed in seeds])
    return _tables(table_rows, f"{recipe}, phantoms and real clips")


def _tables(rows: Mapping[str, Columns], name: str) -> str:
    head = [f"{n} people" for n in TRAIN_ON]
    accuracy = {row: [with_interval(v[h]) for h in head] for row, v in rows.items()}
    apart = {row: [with_interval(rows[name][h] - v[h]) for h in head] for row, v in rows.items() if row != name}
    return (
        f"### Smiling or neutral: accuracy on people the probe has not seen\n\n{table(head, accuracy)}\n"
        f"### {name}, minus each of the others\n\n{table(head, apart)}"
    )


def join(first: Footage, second: Footage) -> Footage:
    """Two sets as one."""
    start, many = len(first.frames), len(first.tracks)
    moved = [
        type(t)(**(vars(t) | {"number": t.number + many, "offset": t.offset + start, "frame_index": t.offset + start}))
        for t in second.tracks
    ]

    def both(key: str, shift: int = 0) -> np.ndarray:
        return np.concatenate([getattr(first, key), getattr(second, key) + shift if shift else getattr(second, key)])

    return Footage(
        name=digest([first.name, second.name]),
        frames=both("frames"),
        landmarks=both("landmarks"),
        truth=both("truth"),
        tracks=[*first.tracks, *moved],
        person=both("person", first.person.max() + 1),
        recording=both("recording", first.recording.max() + 1),
        condition=both("condition"),
        found=first.found,
    )


def _people(footage: Footage) -> People:
    return People(footage, cut(footage, SHAPE))


def _still_films(folder: Path, stills: Path, files: Sequence[str]) -> list[Path]:
    """Each still repeated for 1.6 s."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    films = [folder / f"{Path(file).stem}.mp4" for file in files]
    for file, film in zip(files, films, strict=True):
        if not film.exists():
            picture = cv2.imread(str(stills / file))
            if picture is None:
                raise UserError(f"cannot read {stills / file}")
            scratch = film.with_name(f"part-{film.name}")
            write_video(scratch, np.repeat(picture[None, ..., ::-1], round(STILL_SECONDS * FPS), 0), FPS, quality=10)
            scratch.replace(film)
    return films


def _gather(study: Study, videos: Sequence[Path], kind: str) -> Footage:
    """All crops of real files; every file is a recording and, for want of knowledge, a person of its own."""
    settings = {"crop": study.size.crop, "fps": FPS, "code": code_digest(*FILMED_BY)}
    folder = study.work / kind / "crops"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [digest([file_digest(video), settings]) for video in videos]
    jobs = [RealJob(folder / f"{name}.npz", video, study.size.crop) for name, video in zip(names, videos, strict=True)]
    left = [job for job in jobs if not job.out.exists()]
    for event in run_jobs(prepare_file, left, study.workers, PATIENCE) if left else ():
        if event.kind in ("failed", "stuck", "crashed"):
            raise RunFailure(f"{left[event.job].video.name}: {event.kind}, {event.value}")
    tracks, parts, owners, start = [], [], [], 0
    for number, job in enumerate(jobs):
        arrays = dict(np.load(job.out))
        if not arrays:
            continue
        arrays["recording"] = np.zeros(len(arrays["time"]), int)
        found = tracks_of(arrays, job.video.name, start, len(tracks))
        tracks, owners, start = [*tracks, *found], owners + [number] * len(found), start + len(arrays["time"])
        parts.append(arrays)
    if not parts:
        raise UserError(f"no face in any of {len(videos)} {kind}")
    frames, landmarks = (np.concatenate([part[key] for part in parts]) for key in ("frames", "landmarks"))
    owner = np.array(owners)
    nothing = np.zeros((len(frames), len(TRUTH)), np.float32)
    found = {"ordinary": float(len(parts) / len(videos))}
    return Footage(
        digest(names), frames, landmarks, nothing, tracks, owner, owner, np.full(len(owner), "ordinary"), found
    )


def _complete(labels: pd.DataFrame, pictures: People) -> tuple[pd.DataFrame, Int[np.ndarray, "n"]]:
    """Labels of the stills of people both of whose stills show a face, and the numbers of these stills."""
    seen = np.isin(np.arange(len(labels)), pictures.clips.recording)
    both = labels[seen].groupby("subject_id").smiling.nunique() == 2
    kept = np.flatnonzero(seen & labels.subject_id.isin(both.index[both]).to_numpy())
    return labels.iloc[kept], kept


def _per_still(x: Float[np.ndarray, "n d"], clips: Clips, stills: Int[np.ndarray, "k"]) -> Float[np.ndarray, "k d"]:
    return np.stack([x[clips.recording == still].mean(0) for still in stills])


def probe(x: Float[np.ndarray, "n d"], labels: pd.DataFrame) -> Columns:
    """Accuracy by number of people trained on: each person's mean over the draws in which they were tested."""
    smiling, person = labels["smiling"].to_numpy(), labels["subject_id"].to_numpy()
    names = np.unique(person)
    counts = np.vstack([np.ones(len(names), int), draw_counts(len(names), DRAWS, 0)])
    found = {}
    for many in TRAIN_ON:
        rng = np.random.default_rng(many)  # the same people for all features
        right = np.full((TIMES, len(names)), np.nan)
        for draw in range(TIMES):
            chosen = rng.choice(names, many, replace=False)
            train = np.isin(person, chosen)
            fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], smiling[train])
            hit = fitted.predict(x) == smiling
            right[draw] = [np.nan if name in chosen else hit[person == name].mean() for name in names]
        found[f"{many} people"] = mean_replicates(np.nanmean(right, axis=0), counts)
    return found
