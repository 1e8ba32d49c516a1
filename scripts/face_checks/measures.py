"""What all checks share: when a box is that of a face, errors of points, intervals over people, Markdown."""

from collections.abc import Callable, Sequence

import numpy as np

LEAST_OVERLAP = 0.3
"""Intersection over union from which a box is that of a face: finders disagree on how much forehead belongs to it."""
DRAWS = 1000
POINTS = ("left pupil", "right pupil", "nose", "left mouth corner", "right mouth corner")
"""Left in the picture."""

Corners = Sequence[float]
"""(x0, y0, x1, y1)"""


def overlap(a: Corners, b: Corners) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def covers(box: Corners, face: Corners) -> bool:
    """Whether a found box is that of a face: overlaps it enough and holds its centre."""
    x, y = (face[0] + face[2]) / 2, (face[1] + face[3]) / 2
    return box[0] < x < box[2] and box[1] < y < box[3] and overlap(box, face) > LEAST_OVERLAP


def match(boxes: Sequence[Corners], faces: Sequence[Corners]) -> list[int | None]:
    """For every face the number of its box, one to one, best overlap first."""
    pairs = [(overlap(b, f), i, j) for i, b in enumerate(boxes) for j, f in enumerate(faces) if covers(b, f)]
    found: list[int | None] = [None] * len(faces)
    for _, i, j in sorted(pairs, key=lambda p: (-p[0], p[1:])):
        if found[j] is None and i not in found:
            found[j] = i
    return found


def box_of(points: np.ndarray) -> tuple[float, ...]:
    """The upright rectangle around points."""
    return (*points.min(0).tolist(), *points.max(0).tolist())


def box_of_five(five: np.ndarray) -> tuple[float, ...]:
    """About where the box of a face seen from the front lies, forehead to chin, if only its five points are known."""
    x, y = five.mean(0)
    half = 1.5 * np.linalg.norm(five[1] - five[0])
    return (x - half, y - half, x + half, y + half)


def errors(points: np.ndarray, truth: np.ndarray, eyes: float) -> np.ndarray:
    """Distances in per cent of the distance between the pupils."""
    return 100 * np.linalg.norm(points - truth, axis=-1) / eyes


def interval(
    values: np.ndarray, people: np.ndarray, statistic: Callable[[np.ndarray], float]
) -> tuple[float, float] | None:
    """The middle 95 % of a statistic over resamples of whole people; none for fewer than three."""
    names, index = np.unique(people, return_inverse=True)
    if len(names) < 3:
        return None
    groups, rng = [values[index == n] for n in range(len(names))], np.random.default_rng(0)
    draws = rng.integers(len(names), size=(DRAWS, len(names)))
    low, high = np.quantile([statistic(np.concatenate([groups[n] for n in draw])) for draw in draws], (0.025, 0.975))
    return float(low), float(high)


def summary(values: np.ndarray, people: np.ndarray, statistic: Callable[[np.ndarray], float], digits: int = 1) -> str:
    """A statistic of the values that are not NaN, with its interval over people."""
    known = ~np.isnan(values)
    if not known.any():
        return "–"
    limits = interval(values[known], people[known], statistic)
    shown = f"{statistic(values[known]):.{digits}f}"
    return shown if limits is None else f"{shown} [{limits[0]:.{digits}f}, {limits[1]:.{digits}f}]"


def quantile(q: float) -> Callable[[np.ndarray], float]:
    """The statistic of that name."""
    return lambda values: float(np.quantile(values, q))


def bare(values: np.ndarray, q: float) -> str:
    """A quantile of the values that are not NaN, alone."""
    known = values[~np.isnan(values)]
    return f"{np.quantile(known, q):.1f}" if len(known) else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"
