"""What happens in a recording: pain, its expression, and all that a face does without pain."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.camera import Camera
from personalize.phantom.parameters import AUS, INDEX, MAXIMUM, Face, Looks, View, pspi
from personalize.phantom.people import Person, Signature

QUIET = 2.5
"""Seconds at the start of a recording without any expression."""

Track = Float[np.ndarray, "n"]
AuTrack = Float[np.ndarray, "n 11"]


class Course(NamedTuple):
    """A recording frame by frame."""

    time: Track
    """Seconds."""
    pain: Track
    """Latent, 0-10."""
    aus: AuTrack
    """Columns are `AUS`: what the face shows, resting tone included, blinks not."""
    blink: Track
    """Closure by blinks (AU45), 0-1."""
    pspi: Track
    """Of what is shown beyond the resting tone."""
    view: View
    """Every leaf has one value per frame."""


class Episode(NamedTuple):
    """One bout of pain, times in seconds."""

    start: float
    onset: float
    apex: float
    offset: float
    level: float
    """0-10."""


def make_course(person: Person, camera: Camera, rng: np.random.Generator, seconds: float | int, fps: int) -> Course:
    """The course of one recording. The first `QUIET` seconds hold no expression (blinks and gaze go on)."""
    time = np.arange(round(seconds * fps)) / fps
    episodes = _episodes(rng, seconds)
    pain = np.max([np.zeros_like(time), *(e.level * _envelope(time, e) for e in episodes)], axis=0)
    rest = person.signature.rest
    moved = np.zeros((len(time), len(AUS)))
    for e in episodes:
        moved = np.maximum(moved, _pain_expression(rng, time, e, person.signature))
    moved = moved + _distractions(rng, time, seconds)
    moved = moved + _drift(rng, time, seconds)
    shown = np.clip(rest + moved, 0, MAXIMUM)
    view = _view(rng, time, camera, pain)
    return Course(time, pain, shown, _blinks(rng, time, seconds), pspi(np.maximum(shown - rest, 0)), view)


def faces(looks: Looks, camera: Camera, course: Course, seed: int) -> Face:
    """What to render for a course: a batch with one face per frame."""
    n = len(course.time)
    aus = course.aus.copy()
    lids = INDEX["AU43"]
    aus[:, lids] = np.maximum(aus[:, lids], course.blink)

    def repeat(leaf: np.ndarray | np.floating) -> np.ndarray:
        return np.broadcast_to(np.asarray(leaf, np.float32), (n, *np.shape(leaf)))

    return Face(
        looks=type(looks)(*(repeat(leaf) for leaf in looks)),
        aus=aus.astype(np.float32),
        view=View(*(leaf.astype(np.float32) for leaf in course.view)),
        scene=type(camera.scene)(*(repeat(leaf) for leaf in camera.scene)),
        seed=np.arange(n, dtype=np.int32) + np.int32(seed % 2**20) * np.int32(1000),
    )


def _smooth(x: Track) -> Track:
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


def _envelope(time: Track, e: Episode, delay: float = 0.0) -> Track:
    """Rises over the onset, stays over the apex, falls over the offset; 0-1."""
    t = time - e.start - delay
    return _smooth(t / e.onset) * (1 - _smooth((t - e.onset - e.apex) / e.offset))


def _episodes(rng: np.random.Generator, seconds: float | int) -> list[Episode]:
    """Bouts of pain from `QUIET` on; how dense they are differs between recordings."""
    out: list[Episode] = []
    pause = np.exp(rng.uniform(np.log(0.5), np.log(6)))
    t = QUIET + min(rng.exponential(pause), 0.3 * (seconds - QUIET))  # no recording without pain
    while t < seconds - 1:
        onset, apex, offset = rng.uniform((0.4, 0.6, 0.6), (1.3, 3.5, 1.8))
        out.append(Episode(t, onset, apex, offset, rng.uniform(1.5, 10)))
        t += onset + apex + offset + rng.exponential(pause)
    return out


def _pain_expression(rng: np.random.Generator, time: Track, e: Episode, signature: Signature) -> AuTrack:
    """Each episode recruits its own mix of the person's pain units, so that they do not always move together."""
    mix = np.exp(0.45 * rng.normal(size=len(AUS))) * (rng.uniform(size=len(AUS)) > 0.2)
    delay = rng.uniform(0, 0.4, len(AUS))
    strength = signature.gain * mix * e.level / 10
    return np.minimum(np.stack([s * _envelope(time, e, d) for s, d in zip(strength, delay, strict=True)], 1), MAXIMUM)


_DISTRACTIONS = {
    "smile": ({"AU12": 4.0, "AU06": 2.0, "AU26": 0.6}, (0.8, 2.5), 0.26),
    "speech": ({"AU26": 2.2, "AU20": 0.8, "AU10": 0.5, "AU12": 0.4}, (1.0, 3.0), 0.24),
    "brow raise": ({"AU01": 3.5, "AU02": 3.5}, (0.4, 1.6), 0.20),
    "frown": ({"AU04": 3.2}, (0.6, 2.5), 0.16),
    "squint": ({"AU07": 2.2, "AU06": 0.6}, (0.5, 1.5), 0.07),
    "eyes closed": ({"AU43": 1.0}, (0.5, 1.5), 0.07),
}
"""Mean intensities, shortest and longest duration in seconds, share of all distractions."""


def _distractions(rng: np.random.Generator, time: Track, seconds: float | int) -> AuTrack:
    """Expression without pain, one after the other, whether or not there is pain."""
    out = np.zeros((len(time), len(AUS)))
    kinds, shares = list(_DISTRACTIONS), np.array([share for _, _, share in _DISTRACTIONS.values()])
    t = QUIET + rng.exponential(2.5)
    while t < seconds - 0.5:
        kind = kinds[rng.choice(len(kinds), p=shares / shares.sum())]
        units, (short, long), _ = _DISTRACTIONS[kind]
        bout = Episode(t, rng.uniform(0.2, 0.6), rng.uniform(short, long), rng.uniform(0.3, 0.8), 1.0)
        shape = _envelope(time, bout)
        if kind == "speech":
            shape = shape * _syllables(rng, time)
        for name, mean in units.items():
            out[:, INDEX[name]] += mean * rng.uniform(0.6, 1.3) * shape
        t += bout.onset + bout.apex + bout.offset + rng.exponential(2.5)
    return out


def _syllables(rng: np.random.Generator, time: Track) -> Track:
    """Opening and closing of a speaking mouth, about four times a second, unevenly."""
    phase = 2 * np.pi * (rng.uniform(3.0, 4.5) * time + 0.6 * np.sin(2 * np.pi * 0.7 * time + rng.uniform(0, 6)))
    return np.clip(0.5 + 0.6 * np.sin(phase) + 0.25 * np.sin(0.43 * phase), 0, 1.2)


def _drift(rng: np.random.Generator, time: Track, seconds: float | int) -> AuTrack:
    """Slow change of tone after the quiet start, and tremor, both small."""
    slope = 0.25 * rng.normal(size=len(AUS)) * (MAXIMUM > 1)
    trend = _smooth((time - QUIET) / max(seconds - QUIET, 1e-6))[:, None] * slope
    return trend + 0.06 * rng.normal(size=(len(time), len(AUS))) * (MAXIMUM > 1)


def _blinks(rng: np.random.Generator, time: Track, seconds: float | int) -> Track:
    """About fifteen a minute, a third of a second each."""
    out = np.zeros_like(time)
    t = rng.exponential(3.5)
    while t < seconds:
        out = np.maximum(out, _envelope(time, Episode(t, 0.12, 0.06, 0.20, 1.0)))
        t += 0.5 + rng.exponential(3.5)
    return out


def _wander(rng: np.random.Generator, time: Track) -> Track:
    """Smooth random motion of standard deviation about 1 over some seconds."""
    rate, phase = rng.uniform(0.05, 0.45, 4), rng.uniform(0, 2 * np.pi, 4)
    return np.sin(2 * np.pi * rate * time[:, None] + phase).sum(1) / np.sqrt(2)


def _gaze(rng: np.random.Generator, time: Track, seconds: float | int) -> Track:
    """Jumps between points, mostly near straight ahead."""
    jumps = np.cumsum(np.concatenate([[0], rng.exponential(1.5, int(seconds) + 2)]))
    points = np.clip(0.35 * rng.normal(size=len(jumps)), -1, 1)
    return points[np.searchsorted(jumps, time, side="right") - 1]


def _view(rng: np.random.Generator, time: Track, camera: Camera, pain: Track) -> View:
    """Head and gaze: they wander always, and in pain some people turn or bow the head."""
    seconds = float(time[-1]) + 1
    turned = np.outer(pain / 10, rng.normal(0, (4, 4, 3)))
    sway = np.stack([_wander(rng, time) for _ in range(3)], 1) * rng.uniform(0.6, 1.6) * np.array([2.5, 1.8, 1.2])
    yaw, pitch, roll = np.radians(turned + sway).T
    return View(
        yaw=camera.yaw + yaw,
        pitch=camera.pitch + pitch,
        roll=camera.roll + roll,
        x=camera.x + 0.018 * _wander(rng, time) + 0.03 * np.sin(yaw),
        y=camera.y + 0.012 * _wander(rng, time),
        scale=camera.scale * (1 + 0.012 * _wander(rng, time)),
        gaze_x=_gaze(rng, time, seconds) - 1.5 * yaw,
        gaze_y=_gaze(rng, time, seconds) - 1.5 * pitch,
    )
