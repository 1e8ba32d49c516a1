"""The worst twenty real frames in one picture: missed faces, then false boxes, then the largest errors.

Found faces are yellow (box, small dots, points), the reference is green: mesh boxes with their points, and thin boxes
for detections without a mesh. At most two frames of a clip.
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from pretrain.footage.faces import FoundFace
from pretrain.footage.video import VideoReader

from .clips import Mesh, Scene, judge, look
from .finders import finder_of

COUNT, PER_CLIP, APART = 20, 2, 10
"""Frames shown, of one clip, and how many frames lie between those."""
TILE, ACROSS = 380, 5
MARGIN = 2.4
"""Side of the part shown over the longer side of the face in question."""
FOUND, REFERENCE, WHITE = (0, 230, 255), (90, 255, 60), (255, 255, 255)


class Trouble(NamedTuple):
    """What went wrong in a frame, and where."""

    rank: int
    badness: float
    caption: str
    box: tuple[float, ...]
    scene: Scene


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("videos", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")


def run(args: argparse.Namespace) -> None:
    scenes = look(args.videos, args.reference, [finder_of(args.finder, args.face_weights)])
    chosen = choose([t for s in scenes for t in troubles(s)])
    tiles = [tile(args.videos, t) for t in chosen]
    tiles += [np.zeros((TILE + 22, TILE, 3), np.uint8)] * (-len(tiles) % ACROSS)
    rows = [np.hstack(tiles[i : i + ACROSS]) for i in range(0, len(tiles), ACROSS)]
    cv2.imwrite(str(args.out), np.vstack(rows) if rows else np.zeros((TILE, TILE, 3), np.uint8))
    print(f"{len(chosen)} frames in {args.out}")


def troubles(scene: Scene) -> list[Trouble]:
    """All that went wrong in a frame. Large missed faces are worse than small ones."""
    verdict, found = judge(scene, 0), scene.found[0]
    missed = [m for m, i in zip(scene.meshes, verdict.matched, strict=True) if i is None]
    rows = [Trouble(0, m.eyes, "missed", m.box, scene) for m in missed]
    rows += [Trouble(1, found[i].score, f"false, {found[i].score:.2f}", found[i].box, scene) for i in verdict.false]
    means = verdict.errors.mean(1)
    rows += [
        Trouble(2, e, f"error {e:.0f} %", m.box, scene)
        for m, e in zip(scene.meshes, means, strict=True)
        if not np.isnan(e)
    ]
    return rows


def choose(rows: list[Trouble]) -> list[Trouble]:
    """The worst, few of each clip."""
    chosen: list[Trouble] = []
    per_clip: Counter[str] = Counter()
    for row in sorted(rows, key=lambda t: (t.rank, -t.badness)):
        file, frame = row.scene.file, row.scene.frame
        near = any(t.scene.file == file and abs(t.scene.frame - frame) < APART for t in chosen)
        if len(chosen) < COUNT and per_clip[file] < PER_CLIP and not near:
            chosen.append(row)
            per_clip[file] += 1
    return chosen


def tile(videos: Path, trouble: Trouble) -> np.ndarray:
    """The neighbourhood of the trouble with everything drawn on it, and a caption."""
    scene = trouble.scene
    luma = next(f.luma for f in VideoReader(videos / scene.file) if f.index == scene.frame)
    x0, y0, x1, y1 = trouble.box
    scale = TILE / (MARGIN * max(x1 - x0, y1 - y0))
    shift = TILE / 2 - scale * np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    # Boxes count from the corner of the first pixel, pictures from its centre.
    turn = np.array([[scale, 0, shift[0] + (scale - 1) / 2], [0, scale, shift[1] + (scale - 1) / 2]])
    picture = cv2.cvtColor(cv2.warpAffine(luma, turn, (TILE, TILE), flags=cv2.INTER_LINEAR), cv2.COLOR_GRAY2BGR)
    for box in scene.unsure:
        _box(picture, box, scale, shift, REFERENCE, 1)
    for face in scene.meshes:
        _face(picture, face, scale, shift, REFERENCE)
    for face in scene.found[0]:
        _dots(picture, face.landmarks, scale, shift, FOUND, 1)
        _face(picture, face, scale, shift, FOUND)
    label = np.zeros((22, TILE, 3), np.uint8)
    text = f"{Path(scene.file).stem} {scene.frame}: {trouble.caption}"
    cv2.putText(label, text, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
    return np.vstack([picture, label])


def _face(picture: np.ndarray, face: FoundFace | Mesh, scale: float, shift: np.ndarray, colour: tuple) -> None:
    _box(picture, face.box, scale, shift, colour, 2)
    _dots(picture, face.points, scale, shift, colour, 3)


def _box(picture: np.ndarray, box: tuple, scale: float, shift: np.ndarray, colour: tuple, width: int) -> None:
    first, second = (np.round(scale * np.array(c) + shift).astype(int).tolist() for c in (box[:2], box[2:]))
    cv2.rectangle(picture, first, second, colour, width)


def _dots(picture: np.ndarray, points: np.ndarray, scale: float, shift: np.ndarray, colour: tuple, radius: int) -> None:
    for point in points[~np.isnan(points).any(1)]:
        x, y = np.round(scale * (point + 0.5) + shift).astype(int).tolist()
        cv2.circle(picture, (x, y), radius, colour, -1, cv2.LINE_AA)
