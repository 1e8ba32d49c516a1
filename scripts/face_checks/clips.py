"""Real clips against MediaPipe: found faces, boxes around nothing, errors of five points.

A face of the reference is found where a box overlaps its mesh by more than 0.3 (intersection over union) and holds
its centre. Other boxes are "unsure" where one of MediaPipe's detectors saw something, too small or too strange for
its mesh, and "false" where nothing did; a second box on one face is false. The mesh is no truth: its own errors
are in the numbers.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from pretrain.errors import UserError
from pretrain.footage.faces import FaceFinder, FoundFace
from pretrain.footage.video import VideoReader

from .finders import finder_of
from .measures import LEAST_OVERLAP, POINTS, bare, errors, match, overlap, quantile, summary, table

BOX = ["x0", "y0", "x1", "y1"]
FIVE = [f"{p}_{c}" for p in ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth") for c in "xy"]


class Mesh(NamedTuple):
    """A face of the reference."""

    box: tuple[float, ...]
    points: np.ndarray
    eyes: float


class Scene(NamedTuple):
    """A frame, what the reference saw in it, and what each finder found."""

    file: str
    frame: int
    meshes: list[Mesh]
    unsure: list[tuple[float, ...]]
    """Detections without a mesh."""
    found: list[list[FoundFace]]


class Verdict(NamedTuple):
    """What one finder did in one frame."""

    matched: list[int | None]
    """For every mesh the number of its box."""
    errors: np.ndarray
    """Of five points for every mesh, NaN where it was not found or has no points."""
    unsure: int
    """Detections without a mesh that were found, too."""
    false: list[int]
    """Numbers of boxes around nothing."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path, help="folder of the videos")
    parser.add_argument("reference", type=Path, help="what scripts/reference_faces wrote")
    parser.add_argument("--people", type=Path, help="CSV with file and subject_id; else every clip counts as a person")


def run(args: argparse.Namespace) -> None:
    scenes = list(look(args.videos, args.reference, [finder_of(name, args.face_weights) for name in args.finder]))
    people = who(args.people, sorted({s.file for s in scenes}))
    verdicts = [[judge(s, n) for s in scenes] for n in range(len(args.finder))]
    print(by_clip(scenes, verdicts, args.finder))
    print(overall(scenes, verdicts, args.finder, people))
    print(unsettled(scenes, verdicts, args.finder))


def look(videos: Path, reference: Path, finders: Sequence[FaceFinder]) -> Iterator[Scene]:
    """Every frame of the reference, searched by all finders."""
    rows = pd.read_csv(reference)
    for file, group in rows.groupby("file"):
        wanted = dict(iter(group.groupby("frame")))
        for frame in VideoReader(videos / str(file)):
            seen = wanted.get(frame.index)
            if seen is None:
                continue
            if (seen.height.iloc[0], seen.width.iloc[0]) != frame.luma.shape:
                raise UserError(f"{file} has another size than in {reference}: it must be the same file")
            meshes, unsure = reference_faces(seen)
            yield Scene(str(file), frame.index, meshes, unsure, [find(frame.luma) for find in finders])


def reference_faces(rows: pd.DataFrame) -> tuple[list[Mesh], list[tuple[float, ...]]]:
    """Meshes of a frame, and detections that are neither on a mesh nor the same as another."""
    rows = rows[rows.x0.notna()]
    mesh, rest = rows[rows.kind == "mesh"], rows[rows.kind != "mesh"]
    meshes = [
        Mesh(tuple(box), five.reshape(5, 2), float(eyes))
        for box, five, eyes in zip(mesh[BOX].to_numpy(), mesh[FIVE].to_numpy(), mesh.eyes, strict=True)
    ]
    known, unsure = [m.box for m in meshes], []
    for box in map(tuple, rest[BOX].to_numpy()):
        if all(overlap(box, k) <= LEAST_OVERLAP for k in (*known, *unsure)):
            unsure.append(box)
    return meshes, unsure


def judge(scene: Scene, number: int) -> Verdict:
    """What a finder did in a frame."""
    found = scene.found[number]
    boxes = [f.box for f in found]
    matched = match(boxes, [m.box for m in scene.meshes])
    rest = [i for i in range(len(boxes)) if i not in matched]
    settled = {rest[i] for i in match([boxes[i] for i in rest], scene.unsure) if i is not None}
    wrong = [
        np.full(5, np.nan) if i is None else errors(found[i].points, m.points, m.eyes)
        for i, m in zip(matched, scene.meshes, strict=True)
    ]
    return Verdict(matched, np.reshape(wrong, (-1, 5)), len(settled), [i for i in rest if i not in settled])


def who(manifest: Path | None, files: list[str]) -> dict[str, str]:
    """The person of every clip."""
    if manifest is None:
        return {f: f for f in files}
    rows = pd.read_csv(manifest)
    known = dict(zip((Path(f).name for f in rows.file), rows.subject_id.fillna("").astype(str), strict=True))
    return {f: known.get(f) or f for f in files}


def by_clip(scenes: list[Scene], verdicts: list[list[Verdict]], names: list[str]) -> str:
    """A row per clip: found faces, false boxes per frame, errors."""
    rows = []
    for file in sorted({s.file for s in scenes}):
        these = [i for i, s in enumerate(scenes) if s.file == file]
        cells = [cell for v in verdicts for cell in _clip_cells([v[i] for i in these])]
        rows.append([file, len(these), sum(len(scenes[i].meshes) for i in these), *cells])
    heads = ("found", "unsure", "false/frame", "median", "p90", "p95")
    return table(["clip", "frames", "faces", *(f"{n} {h}" for n in names for h in heads)], rows)


def _clip_cells(verdicts: list[Verdict]) -> list[str]:
    matched = [m is not None for v in verdicts for m in v.matched]
    mean = np.concatenate([v.errors.mean(1) for v in verdicts])
    found = f"{np.mean(matched):.3f}" if matched else "–"
    false = sum(len(v.false) for v in verdicts) / len(verdicts)
    return [found, str(sum(v.unsure for v in verdicts)), f"{false:.2f}", *(bare(mean, q) for q in (0.5, 0.9, 0.95))]


def overall(scenes: list[Scene], verdicts: list[list[Verdict]], names: list[str], people: dict[str, str]) -> str:
    """All clips together, with intervals over people; a row per measure, a column per finder."""
    files = np.array([s.file for s in scenes])
    frame_people = np.array([people[f] for f in files])
    face_files = np.repeat(files, [len(s.meshes) for s in scenes])
    face_people = np.array([people[f] for f in face_files])
    columns = []
    for verdict in verdicts:
        hit = np.array([m is not None for v in verdict for m in v.matched], float)
        false = np.array([len(v.false) for v in verdict], float)
        error = np.concatenate([v.errors for v in verdict])
        mean = error.mean(1)
        medians = [np.median(e) for f in np.unique(face_files) if len(e := _known(mean[face_files == f]))]
        shares = [hit[face_files == f].mean() for f in np.unique(face_files)]
        columns.append(
            {
                "faces found": summary(hit, face_people, np.mean, 3),
                "faces found, mean over clips": f"{np.mean(shares):.3f}",
                "clips with under half found": sum(s < 0.5 for s in shares),
                "false boxes per frame": summary(false, frame_people, np.mean, 3),
                "five points, median": summary(mean, face_people, np.median),
                "five points, p90": summary(mean, face_people, quantile(0.9)),
                "five points, p95": summary(mean, face_people, quantile(0.95)),
                "five points, median over clips of the medians": f"{np.median(medians):.1f}" if medians else "–",
                **{f"{p}, median": summary(error[:, i], face_people, np.median) for i, p in enumerate(POINTS)},
            }
        )
    rows = [[label, *(c[label] for c in columns)] for label in columns[0]]
    about = f"{len(face_files)} faces, {len(scenes)} frames, {len(set(people.values()))} people"
    return table([about, *names], rows)


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def unsettled(scenes: list[Scene], verdicts: list[list[Verdict]], names: list[str]) -> str:
    """Boxes where the reference has nothing at all, and what became of detections without a mesh."""
    empty = [i for i, s in enumerate(scenes) if not s.meshes and not s.unsure]
    rows = [["frames without anything", len(empty), *(sum(len(v[i].false) for i in empty) for v in verdicts)]]
    for file in sorted({scenes[i].file for i in empty}):
        these = [i for i in empty if scenes[i].file == file]
        rows.append([f"… {file}", len(these), *(sum(len(v[i].false) for i in these) for v in verdicts)])
    rows.append(["detections without a mesh", sum(len(s.unsure) for s in scenes)])
    rows[-1] += [sum(v.unsure for v in verdict) for verdict in verdicts]
    return table(["", "number", *(f"{n}: boxes" for n in names)], rows)
