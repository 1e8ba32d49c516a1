"""Milliseconds per picture: processor time and, in brackets, wall time, and their ratio to a fixed yardstick.

The pictures hold one phantom face each of half the picture's height, or four; the difference is what a face costs. The
small picture is what following a face shows the finder. The yardstick is blurring the picture and shrinking it to
320 px, which means something on a machine that others use, too. Everything takes turns; medians over repeats.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import cv2
import jax
import numpy as np

from personalize.phantom.face.camera import NO_COVERS, sample_camera
from personalize.phantom.face.looks import sample_looks
from personalize.phantom.face.parameters import MAXIMUM, Face, View
from personalize.phantom.face.render import render
from pretrain.footage.align import Pose

from .finders import finder_of
from .measures import table

SIZES = ((640, 360), (1280, 720))
SMALL = 112
CLOSE = "640x360, 1 face"
"""The picture in which the landmark net is timed by itself."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--calls", type=int, default=5, help="calls timed together")


def run(args: argparse.Namespace) -> None:
    pictures, finders = scenes(), {name: finder_of(name, args.face_weights) for name in args.finder}
    work: dict[tuple[str, str], Callable[[], object]] = {}
    for label, picture in pictures.items():
        work["yardstick", label] = partial(yardstick, picture)
        for name, finder in finders.items():
            work[name, label] = partial(finder, picture)
            if label == CLOSE and hasattr(finder, "mark"):
                # The net that follows a face is called on its own, too.
                pose = Pose(picture.shape[1] / 2, picture.shape[0] / 2, picture.shape[0] / 4)
                work[name, f"{label}, landmarks alone"] = partial(finder.mark, picture, [pose])
    spent = timed(work, args.repeats, args.calls)
    rows = []
    for name, label in work:
        if name != "yardstick":
            cpu, wall = spent[name, label]
            ratio = cpu / spent["yardstick", label.removesuffix(", landmarks alone")][0]
            boxes = len(finders[name](pictures[label])) if label in pictures else ""
            rows.append([name, label, boxes, f"{cpu:.2f} ({wall:.2f})", f"{ratio:.1f}"])
    print(table(["finder", "picture", "boxes", "ms processor (wall)", "yardsticks"], sorted(rows, key=lambda r: r[0])))


def scenes() -> dict[str, np.ndarray]:
    """Grey pictures of one phantom, four phantoms, and the small one."""
    pictures = {}
    for width, height in SIZES:
        faces = phantoms(4, height // 2)
        for count in (1, 4):
            picture = background(width, height)
            for n in range(count):
                x = width * (n + 1) // (count + 1) - height // 4
                y = height // 4 if count == 1 else (n % 2) * height // 2
                picture[y : y + height // 2, x : x + height // 2] = faces[n]
            pictures[f"{width}x{height}, {count} face{'s' * (count > 1)}"] = picture
    pictures[f"{SMALL}x{SMALL}, 1 face"] = phantoms(1, SMALL)[0]
    return pictures


def phantoms(count: int, size: int) -> list[np.ndarray]:
    """Different people's ordinary portraits in grey."""
    cells = []
    for n in range(count):
        rng = np.random.default_rng(n)
        looks, _ = sample_looks(rng)
        camera = sample_camera(rng, looks.skin)
        view = View(*map(np.float32, (camera.yaw, camera.pitch, 0, camera.x, camera.y, camera.scale, 0, 0)))
        calm = np.zeros(len(MAXIMUM), np.float32)
        cells.append(Face(looks, calm, calm, view, camera.scene, NO_COVERS, np.int32(n)))
    batch = jax.tree.map(lambda *x: np.stack(x), *cells)
    return [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in render(batch, size)]


def background(width: int, height: int) -> np.ndarray:
    """Soft blotches: a plain one would spare cascades their work."""
    noise = np.random.default_rng(0).uniform(40, 200, (9, 16)).astype(np.float32)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def yardstick(picture: np.ndarray) -> np.ndarray:
    """A fixed amount of ordinary work."""
    soft = cv2.GaussianBlur(picture, (5, 5), 1.0)
    return cv2.resize(soft, (320, 320 * picture.shape[0] // picture.shape[1]), interpolation=cv2.INTER_AREA)


def timed(work: dict, repeats: int, calls: int) -> dict[tuple[str, str], tuple[float, float]]:
    """Median milliseconds of processor and of wall time per call."""
    for call in work.values():
        call()
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in work}
    for _ in range(repeats):
        for key, call in work.items():
            many = calls * (20 if key[0] == "yardstick" else 1)
            cpu, wall = time.process_time(), time.perf_counter()
            for _ in range(many):
                call()
            used = (time.process_time() - cpu, time.perf_counter() - wall)
            spent[key].append((1000 * used[0] / many, 1000 * used[1] / many))
    return {key: tuple(np.median(values, axis=0)) for key, values in spent.items()}
