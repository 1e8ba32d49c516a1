"""Films for benchmarks and long runs: a phantom before a moving, textured background, with sensor noise, as H.264."""

from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from personalize.phantom.face.render import render
from personalize.phantom.filming import cast, takes
from personalize.phantom.pictures.clutter import clutter
from personalize.phantom.scenarios import EPISODES
from personalize.phantom.scenarios.base import Extent
from personalize.phantom.worlds import NATURAL

FPS, SIDE = 25, 256
"""Frames a second, and pixels of the phantom's picture before it is fitted into the film."""
NOISE = 2.5
"""Standard deviation of the sensor's noise in steps of 8 bits."""


def write_film(path: Path, width: int, height: int, megabits: float, seconds: float, seed: int = 0) -> None:
    """A film of one talking phantom, whose picture is a third of the film's height, at this bit rate."""
    rng = np.random.default_rng(seed)
    person, cover = phantom(seconds, seed)
    room = _room(rng, width + height // 2, height + height // 2)
    grain = [(NOISE * rng.normal(size=(height, width, 3))).astype(np.int8) for _ in range(8)]
    rate = round(megabits * 1e6)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "maxrate": str(rate), "bufsize": str(2 * rate), "g": str(2 * FPS)}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", rate
        for n in range(len(person)):
            x, y = (round(height / 4 * (1 + f(2 * np.pi * n / FPS / 12))) for f in (np.cos, np.sin))
            picture = np.ascontiguousarray(room[y : y + height, x : x + width])
            _lay_over(picture, person[n], cover[n], n)
            picture = cv2.add(picture, np.roll(grain[n % 8], 7 * n, 1), dtype=cv2.CV_8U)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def phantom(seconds: float, seed: int) -> tuple[UInt8[np.ndarray, "t s s 3"], Float32[np.ndarray, "t s s 1"]]:
    """Pictures of a phantom who talks, smiles and hurts, and how much of each pixel is the phantom."""
    extent = Extent(participants=1, recordings=1, seconds=max(4.0, seconds), fps=FPS, size=SIDE)
    (member,) = cast(EPISODES, NATURAL, seed, 1, 1)
    faces = next(takes(EPISODES, NATURAL, extent, member, seed)).faces
    black, grey = (
        render(faces._replace(scene=faces.scene._replace(background=np.full_like(faces.scene.background, shade))), SIDE)
        for shade in (0.0, 0.5)
    )
    seen = grey.astype(np.float32).mean(-1, keepdims=True) - black.mean(-1, keepdims=True)
    cover = np.clip(1 - seen / np.percentile(seen, 99), 0, 1).astype(np.float32)
    count = round(seconds * FPS)
    return black[:count], cover[:count]


def _lay_over(picture: UInt8[np.ndarray, "h w 3"], person: np.ndarray, cover: np.ndarray, n: int) -> None:
    """Puts the phantom into the picture; it sways a little."""
    height, width = picture.shape[:2]
    side = height // 3
    x = round(width / 2 - side / 2 + 0.2 * side * np.sin(n / 31))
    y = round(height / 2 - side / 2 + 0.1 * side * np.sin(n / 47))
    own = cv2.resize(person, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    share = cv2.resize(cover, (side, side))[..., None]
    part = picture[y : y + side, x : x + side]
    part[:] = np.clip(own * np.minimum(1, share + 0.001) + (1 - share) * part, 0, 255)


def _room(rng: np.random.Generator, width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """A still background, larger than the film, in dull colours."""
    grey = np.concatenate([clutter(rng, 256) for _ in range(2)], 1)
    large = cv2.resize(grey, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    fine = cv2.resize(rng.normal(size=(height // 4, width // 4)).astype(np.float32), (width, height))
    tint = rng.uniform(0.8, 1.1, 3).astype(np.float32)
    return np.clip((large + 12 * fine)[..., None] * tint, 0, 255).astype(np.uint8)
