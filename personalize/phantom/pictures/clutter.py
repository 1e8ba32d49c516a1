"""Grey pictures full of things that are not faces: what lies behind, beside and before phantoms in training scenes."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

Picture = Float32[np.ndarray, "size size"]
"""Grey, 0-255."""


def clutter(rng: np.random.Generator, size: int) -> UInt8[np.ndarray, "size size"]:
    """A wall, sky or floor with anything from nothing to a crowd of things before it, sharp or out of focus."""
    picture = _ground(rng, size)
    kinds = (_boxes, _blobs, _strokes, _stripes, _rings, _letters, _leaves, _bumps)
    for _ in range(rng.choice([0, 2, 5, 10], p=[0.1, 0.25, 0.35, 0.3])):
        picture = kinds[rng.integers(len(kinds))](rng, picture)
    if rng.uniform() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(np.exp(rng.uniform(np.log(0.5), np.log(size / 25)))))
    low, high = np.sort(rng.uniform(0, 255, 2))
    picture = np.clip(picture, 0, 255)
    if rng.uniform() < 0.5:  # dim, pale or misty rooms
        picture = low + (high - low) * picture / 255
    return picture.astype(np.uint8)


def texture(rng: np.random.Generator, size: int) -> Picture:
    """Noise in which coarse or fine grain prevails, mean 0 and standard deviation 1."""
    octaves = [2**n for n in range(1, int(np.log2(size)) + 1)]
    tilt = rng.uniform(-1.2, 0.6)
    out = np.zeros((size, size), np.float32)
    for cells in octaves:
        stretch = 2.0 ** rng.integers(-1, 2) if cells > 4 else 1
        grid = rng.normal(size=(cells, max(1, int(cells / stretch)))).astype(np.float32)
        out += cells**tilt * cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    return (out - out.mean()) / max(float(out.std()), 1e-6)


def _ground(rng: np.random.Generator, size: int) -> Picture:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    slope = rng.normal(size=2) * 60
    return (rng.uniform(20, 235) + slope[0] * x + slope[1] * y + rng.choice([1, 8, 30]) * texture(rng, size)).astype(
        np.float32
    )


def _extent(rng: np.random.Generator, size: int) -> float:
    """Small things are more frequent than large ones."""
    return float(size * np.exp(rng.uniform(np.log(0.02), np.log(0.5))))


def _fill(rng: np.random.Generator, picture: Picture) -> Picture:
    """A surface: plain, shaded or rough."""
    size = len(picture)
    flat = np.full_like(picture, rng.uniform(0, 255))
    kind = rng.integers(3)
    if kind == 0:
        return flat
    if kind == 1:
        ramp = np.linspace(-1, 1, size, dtype=np.float32) * rng.uniform(20, 120)
        return flat + (ramp[None] if rng.uniform() < 0.5 else ramp[:, None])
    return flat + np.float32(rng.uniform(5, 50)) * texture(rng, size)


def _paste(rng: np.random.Generator, picture: Picture, mask: UInt8[np.ndarray, "size size"]) -> Picture:
    soft = mask.astype(np.float32)[..., None][..., 0] / 255
    if rng.uniform() < 0.3:
        soft = cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(0.5, 4)))
    return picture + soft * (_fill(rng, picture) - picture)


def _blank(picture: Picture) -> UInt8[np.ndarray, "size size"]:
    return np.zeros(picture.shape, np.uint8)


def _at(rng: np.random.Generator, size: int) -> tuple[int, int]:
    return int(rng.uniform(0, size)), int(rng.uniform(0, size))


def _boxes(rng: np.random.Generator, picture: Picture) -> Picture:
    """Furniture, screens, doors: turned rectangles, often upright, often one within the other."""
    size = len(picture)
    centre, turn = _at(rng, size), rng.choice([0, 90, rng.uniform(0, 180)])
    extent = np.array([_extent(rng, size), _extent(rng, size)]) * 2
    for _ in range(rng.integers(1, 4)):
        mask = _blank(picture)
        corners = cv2.boxPoints((centre, tuple(map(float, extent)), float(turn)))
        cv2.fillPoly(mask, [corners.astype(np.int32)], 255, lineType=cv2.LINE_AA)
        picture, extent = _paste(rng, picture, mask), extent * rng.uniform(0.6, 0.95)
    return picture


def _blobs(rng: np.random.Generator, picture: Picture) -> Picture:
    """Balls, lamps, pots, heads from behind: ellipses."""
    size, mask = len(picture), _blank(picture)
    axes = (max(1, int(_extent(rng, size))), max(1, int(_extent(rng, size))))
    cv2.ellipse(mask, _at(rng, size), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    return _paste(rng, picture, mask)


def _strokes(rng: np.random.Generator, picture: Picture) -> Picture:
    """Cables, poles, folds, branches."""
    size, mask = len(picture), _blank(picture)
    for _ in range(rng.integers(1, 7)):
        points = np.cumsum(rng.normal(size=(rng.integers(2, 6), 2)) * size * 0.2, 0) + _at(rng, size)
        width = max(1, int(_extent(rng, size) * 0.2))
        cv2.polylines(mask, [points.astype(np.int32)], False, 255, width, cv2.LINE_AA)
    return _paste(rng, picture, mask)


def _stripes(rng: np.random.Generator, picture: Picture) -> Picture:
    """Blinds, shelves, tiles, knitwear: a periodic pattern in a box."""
    size, mask = len(picture), _blank(picture)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    turn, period = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]), max(2.5, _extent(rng, size) / 2)
    wave = np.sin(2 * np.pi * (np.cos(turn) * x + np.sin(turn) * y) / period)
    if rng.uniform() < 0.4:
        wave = np.maximum(wave, np.sin(2 * np.pi * (np.cos(turn) * y - np.sin(turn) * x) / period))
    (x0, y0), side = _at(rng, size), 2 * _extent(rng, size)
    mask[int(max(0, y0 - side)) : int(y0 + side), int(max(0, x0 - side)) : int(x0 + side)] = 255
    mask[wave < rng.uniform(-0.7, 0.7)] = 0
    return _paste(rng, picture, mask)


def _rings(rng: np.random.Generator, picture: Picture) -> Picture:
    """Eyes that are none: wheels, dials, buttons, knobs, often in pairs."""
    size = len(picture)
    centre, radius = np.array(_at(rng, size)), max(2.0, _extent(rng, size) / 3)
    apart = rng.normal(size=2) * radius * 4
    for n in range(rng.integers(1, 4)):
        for share in (1.0, rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.5)):
            mask, at = _blank(picture), (centre + n * apart).astype(int)
            cv2.circle(mask, (int(at[0]), int(at[1])), max(1, int(radius * share)), 255, -1, cv2.LINE_AA)
            picture = _paste(rng, picture, mask)
    return picture


def _letters(rng: np.random.Generator, picture: Picture) -> Picture:
    """Signs and screens with writing."""
    size, mask = len(picture), _blank(picture)
    x, y = _at(rng, size)
    height = max(0.25, _extent(rng, size) / 60)
    for n in range(rng.integers(1, 6)):
        text = "".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUabcdefghilmnoprstu0123456789 .-"), rng.integers(2, 14)))
        place = (int(x - size / 4), int(y + n * height * 32))
        cv2.putText(mask, text, place, int(rng.integers(8)), height, 255, max(1, int(height * 2)), cv2.LINE_AA)
    return _paste(rng, picture, mask)


def _leaves(rng: np.random.Generator, picture: Picture) -> Picture:
    """Foliage, crowds, pebbles, books: many things of one kind, each with a shade of its own."""
    size = len(picture)
    (x0, y0), reach, grain = _at(rng, size), _extent(rng, size), max(1.5, _extent(rng, size) / 6)
    base, spread, round_ = rng.uniform(0, 255), rng.uniform(10, 90), rng.uniform() < 0.6
    out = np.ascontiguousarray(picture)
    for _ in range(rng.integers(15, 120)):
        at = (int(x0 + rng.normal() * reach), int(y0 + rng.normal() * reach))
        shade = float(base + rng.normal() * spread)
        a, b = (max(1, int(grain * rng.uniform(0.3, 1.3))) for _ in range(2))
        if round_:
            cv2.ellipse(out, at, (a, b), float(rng.uniform(0, 180)), 0, 360, shade, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(out, at, (at[0] + 2 * a, at[1] + 2 * b), shade, -1)
    return out


def _bumps(rng: np.random.Generator, picture: Picture) -> Picture:
    """Cloth and skin without features: smooth light and shade."""
    size, mask = len(picture), _blank(picture)
    axes = (max(2, int(2 * _extent(rng, size))), max(2, int(2 * _extent(rng, size))))
    cv2.ellipse(mask, _at(rng, size), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1, cv2.LINE_AA)
    cells = int(rng.integers(3, 9))
    folds = cv2.resize(rng.normal(size=(cells, cells)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), float(rng.uniform(0.5, 5)))
    return picture + soft * (rng.uniform(20, 235) + rng.uniform(10, 70) * folds - picture)
