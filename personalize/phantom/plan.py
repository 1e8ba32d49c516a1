"""What a recording is to hold, before anybody is filmed: pain, phases, questions, by a scenario's protocol."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

Track = Float[np.ndarray, "n"]


class Phase(NamedTuple):
    """A stretch of a recording, times in seconds from its start."""

    name: str
    onset: float
    duration: float
    quiet: bool = False
    """Whether the person just sits there: no expression but blinks and gaze. A neutral moment."""


class Plan(NamedTuple):
    """The protocol of one recording on its frames."""

    session: str
    """Of the file's name, such as `01`."""
    time: Track
    """Seconds from the recording's start, one value per frame."""
    pain: Track
    """What the person feels, 0-10; ratings follow it."""
    shown: Track
    """What face and body answer to, 0-10: the pain, but in some worlds something else."""
    phases: tuple[Phase, ...]
    asked: tuple[float, ...] = ()
    """When the person answers a question aloud, seconds."""
    clock: float = 0.0
    """Time of the protocol at the first frame, seconds."""
    excerpt: bool = False
    """Whether the protocol goes on where the film does not."""
    about: tuple[tuple[str, str], ...] = ()
    """What else the scenario notes of the recording, by name."""
    set_up: int = 0
    """Number of the camera's set-up, where a world makes people share them."""
    drive: Float[np.ndarray, "n 4"] | None = None
    """Where a world dictates expression: how far pain moves each of `people.REGIONS`, 0-1."""

    @property
    def step(self) -> float:
        """Seconds from a frame to the next; a second where there is one frame only."""
        return float(self.time[1]) if len(self.time) > 1 else 1.0

    @property
    def length(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.time[-1]) + self.step


def frames(seconds: float | int, fps: float | int) -> Track:
    """Times of the frames of so many seconds."""
    return np.arange(round(seconds * fps)) / fps


def quiet(plan: Plan) -> Bool[np.ndarray, "n"]:
    """Frames that lie in a quiet phase."""
    out = np.zeros(len(plan.time), bool)
    for phase in plan.phases:
        if phase.quiet:
            out |= within(plan.time, phase)
    return out


def within(time: Track, phase: Phase) -> Bool[np.ndarray, "n"]:
    """Frames that lie in a phase."""
    return (time >= phase.onset) & (time < phase.onset + phase.duration)


def smooth(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    """Smooth step from 0 to 1 while `x` goes from 0 to 1."""
    t = np.clip(x, 0, 1)
    return t * t * (3 - 2 * t)


class Bout(NamedTuple):
    """Something that rises, stays and falls; seconds."""

    start: float
    onset: float
    apex: float
    offset: float

    @property
    def end(self) -> float:
        """When it is over."""
        return self.start + self.onset + self.apex + self.offset


def envelope(time: Track, bout: Bout) -> Track:
    """0-1 over the onset, 1 over the apex, back over the offset."""
    t = time - bout.start
    return smooth(t / bout.onset) * (1 - smooth((t - bout.onset - bout.apex) / bout.offset))


def highest(time: Track, tracks: Sequence[Track]) -> Track:
    """The largest of these tracks at every frame, 0 where there is none."""
    return np.max([np.zeros_like(time), *tracks], axis=0)


def episodes(
    rng: np.random.Generator,
    time: Track,
    start: float | int,
    end: float | int,
    pause: float | int,
    levels: tuple[float, float],
) -> Track:
    """Bouts of pain between two times, at random levels, with pauses of `pause` seconds on average; at least one."""
    found = []
    t = start + min(rng.exponential(pause), 0.3 * (end - start))
    while t < end - 1 or not found:
        bout = Bout(t, *rng.uniform((0.6, 1.0, 0.8), (1.6, 4.0, 2.2)))
        found.append(rng.uniform(*levels) * envelope(time, bout))
        t = bout.end + rng.exponential(pause)
    return highest(time, found)
