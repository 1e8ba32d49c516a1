"""What a face does without pain: speech, smiles, yawns, frowns, blinks, gaze, head and hands."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from personalize.phantom.face.camera import Camera
from personalize.phantom.face.parameters import INDEX, MUSCLES, View
from personalize.phantom.patient.expression import MuscleTrack
from personalize.phantom.plan import Bout, Plan, Track, envelope, highest, quiet, smooth


class Gesture(NamedTuple):
    """A kind of expression without pain."""

    muscles: dict[str, float]
    """Mean values at its apex."""
    seconds: tuple[float, float]
    """Shortest and longest apex."""
    share: float
    """Of all such expressions."""
    one_sided: bool = False
    beat: float = 0.0
    """Rhythm, 1/s; 0 for steady."""


GESTURES = {
    "smile": Gesture({"AU12": 4.0, "AU06": 2.0, "mouth": 0.1}, (0.8, 2.5), 0.22),
    "smirk": Gesture({"AU12": 2.2, "AU14": 2.5}, (0.5, 1.5), 0.04, one_sided=True),
    "speech": Gesture({"mouth": 0.3, "AU20": 0.8, "AU10": 0.5, "AU12": 0.4, "AU23": 0.5}, (1.0, 3.0), 0.22, beat=3.7),
    "brow raise": Gesture({"AU01": 3.5, "AU02": 3.5, "AU05": 1.0}, (0.4, 2.0), 0.26),
    "wide eyes": Gesture({"AU05": 3.5, "AU01": 1.5, "AU02": 1.5}, (0.3, 1.0), 0.03),
    "frown": Gesture({"AU04": 3.2}, (0.6, 2.5), 0.13),
    "squint": Gesture({"AU07": 2.2, "AU06": 0.6}, (0.5, 1.5), 0.05),
    "eyes closed": Gesture({"lids": 1.0}, (0.7, 1.5), 0.06),
    "yawn": Gesture({"mouth": 0.95, "lids": 0.8, "AU04": 1.0, "AU07": 1.5}, (1.5, 3.0), 0.02),
    "sniff": Gesture({"AU09": 2.5, "AU10": 1.5}, (0.2, 0.5), 0.03, beat=2.0),
    "pursed lips": Gesture({"AU23": 3.5, "AU17": 2.0, "AU14": 1.0}, (0.6, 1.8), 0.03),
    "doubt": Gesture({"AU15": 3.0, "AU17": 3.0, "AU01": 1.0}, (0.5, 1.2), 0.02),
}
PAUSE = 2.0
"""Mean seconds between two such expressions."""
_ANSWER = 1.0
"""Seconds that an answer takes to say."""


class Behaviour(NamedTuple):
    """Frame by frame."""

    muscles: MuscleTrack
    """Added to each of `MUSCLES`."""
    lopsided: MuscleTrack
    """Added to the asymmetry of each."""
    blink: Track
    """Closure of the lids by blinks, 0-1."""
    hand: Track
    """How far a hand has come over the lower face, 0-1."""


def behave(plan: Plan, rng: np.random.Generator) -> Behaviour:
    """All that is not pain, whether or not there is pain; in quiet phases only blinks."""
    time, still = plan.time, quiet(plan)
    muscles, lopsided = np.zeros((2, len(time), len(MUSCLES)))
    for name, bout, side in _happenings(plan, rng):
        if still[(time >= bout.start - 0.5) & (time < bout.end)].any():
            continue
        shape = envelope(time, bout) * _rhythm(rng, time, GESTURES[name].beat)
        for muscle, mean in GESTURES[name].muscles.items():
            muscles[:, INDEX[muscle]] += mean * rng.uniform(0.6, 1.3) * shape
            lopsided[:, INDEX[muscle]] += side * GESTURES[name].one_sided * (shape > 0)
    return Behaviour(muscles, lopsided, _blinks(rng, time), _hand(rng, time, still))


def _happenings(plan: Plan, rng: np.random.Generator) -> list[tuple[str, Bout, float]]:
    """Names, times and sides of the expressions: answers when asked, and the rest one after the other."""
    answers = [("speech", Bout(t, 0.2, _ANSWER, 0.2), 1.0) for t in plan.asked]
    shares = np.array([g.share for g in GESTURES.values()])
    t, found = rng.exponential(PAUSE), []
    while t < plan.time[-1] - 0.5:
        name = list(GESTURES)[rng.choice(len(shares), p=shares / shares.sum())]
        bout = Bout(t, rng.uniform(0.2, 0.6), rng.uniform(*GESTURES[name].seconds), rng.uniform(0.3, 0.8))
        found.append((name, bout, float(rng.choice([-0.8, 0.8]))))
        t = bout.end + rng.exponential(PAUSE)
    return answers + found


def _rhythm(rng: np.random.Generator, time: Track, beat: float) -> Track | float:
    """Opening and closing of a speaking mouth, or the jerks of a sniff, unevenly."""
    if not beat:
        return 1.0
    phase = 2 * np.pi * (rng.uniform(0.8, 1.2) * beat * time + 0.6 * np.sin(2 * np.pi * 0.7 * time + rng.uniform(0, 6)))
    return np.clip(0.5 + 0.6 * np.sin(phase) + 0.25 * np.sin(0.43 * phase), 0, 1.2)


def _blinks(rng: np.random.Generator, time: Track) -> Track:
    """About fifteen a minute, a third of a second each."""
    starts = np.cumsum(0.5 + rng.exponential(3.5, int(time[-1]) + 2))
    return highest(time, [envelope(time, Bout(t, 0.12, 0.06, 0.20)) for t in starts if t < time[-1]])


def _hand(rng: np.random.Generator, time: Track, still: Bool[np.ndarray, "n"]) -> Track:
    """A hand that comes up to the face now and then, about twice in five minutes."""
    starts = np.cumsum(rng.exponential(150, int(time[-1] / 30) + 2))
    found = [envelope(time, Bout(t, 0.7, rng.uniform(0.5, 2), 0.7)) for t in starts if t < time[-1]]
    return highest(time, found) * ~still


def look_about(plan: Plan, camera: Camera, rng: np.random.Generator) -> View:
    """Head and gaze: they wander always, change posture now and then, and in pain some people turn or bow the head."""
    time = plan.time
    turned = np.outer(plan.shown / 10, rng.normal(0, (6, 6, 4)))
    sway = np.stack([_wander(rng, time) for _ in range(3)], 1) * rng.uniform(0.8, 2.2) * np.array([2.5, 1.8, 1.2])
    posture = _postures(rng, time)
    yaw, pitch, roll = np.radians(turned + sway + posture[:, :3]).T
    return View(
        yaw=camera.yaw + yaw,
        pitch=camera.pitch + pitch,
        roll=camera.roll + roll,
        x=camera.x + 0.018 * _wander(rng, time) + 0.03 * np.sin(yaw) + posture[:, 3],
        y=camera.y + 0.012 * _wander(rng, time) + posture[:, 4],
        scale=camera.scale * (1 + 0.012 * _wander(rng, time)),
        gaze_x=_gaze(rng, time) - 1.5 * yaw,
        gaze_y=_gaze(rng, time) - 1.5 * pitch,
        vergence=np.zeros(len(time)),
    )


def _postures(rng: np.random.Generator, time: Track) -> Float[np.ndarray, "n 5"]:
    """Changes of posture about every half minute: degrees of yaw, pitch and roll, and shares of the picture."""
    starts = np.cumsum(rng.exponential(30, int(time[-1] / 6) + 3))
    changes = rng.normal(0, (3, 2, 2, 0.02, 0.015), (len(starts), 5))
    moves = smooth((time[:, None] - starts) / 0.8) @ changes
    return np.clip(moves, -1.5 * np.array([6, 4, 4, 0.04, 0.03]), 1.5 * np.array([6, 4, 4, 0.04, 0.03]))


def _wander(rng: np.random.Generator, time: Track) -> Track:
    """Smooth random motion of standard deviation about 1 over some seconds."""
    rate, phase = rng.uniform(0.05, 0.45, 4), rng.uniform(0, 2 * np.pi, 4)
    return np.sin(2 * np.pi * rate * time[:, None] + phase).sum(1) / np.sqrt(2)


def _gaze(rng: np.random.Generator, time: Track) -> Track:
    """Jumps between points, mostly near straight ahead."""
    jumps = np.cumsum([0.0, *rng.exponential(1.5, int(time[-1]) + 3)])
    points = np.clip(0.35 * rng.normal(size=len(jumps)), -1, 1)
    return points[np.searchsorted(jumps, time, side="right") - 1]
