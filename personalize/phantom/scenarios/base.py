"""What a scenario is made of. A scenario is a protocol: who is filmed doing what, and who rates it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from personalize.phantom.patient.course import Course
from personalize.phantom.patient.people import PeopleConfig, Person
from personalize.phantom.patient.raters import Observer
from personalize.phantom.plan import Plan

Rng = np.random.Generator
COMMON_WORLDS = (
    *("alike", "rest-alike", "contamination", "clock", "level"),
    *("camera-tells", "stone-face", "no-dynamics", "dynamics-only", "pairs"),
)
"""World switches that every scenario has."""


@dataclass(frozen=True)
class Extent:
    """How much is filmed."""

    participants: int
    recordings: int
    """Of each participant."""
    seconds: float
    """Of what a scenario repeats or prolongs; it says which."""
    fps: int
    size: int = 160
    """Side of the picture in pixels."""


class Group(NamedTuple):
    """Participants of one kind."""

    name: str
    people: Callable[[PeopleConfig], PeopleConfig]
    """How they differ from everybody."""
    dim: float = 1.0
    """Factor of the light they are filmed in."""
    in_bed: float = 0.0
    """Share who are filmed lying in bed."""


EVERYBODY = (Group("", lambda people: people),)


class Recording(NamedTuple):
    """One recording of a participant."""

    person: Person
    course: Course

    @property
    def plan(self) -> Plan:
        """What it was to hold."""
        return self.course.plan


Events = Callable[[Recording, tuple[Observer, ...], Rng], pd.DataFrame]


@dataclass(frozen=True)
class Scenario:
    """A protocol and the sizes in which it is filmed."""

    name: str
    number: int
    """Keeps its people apart from those of other scenarios with the same seed."""
    summary: str
    caveats: tuple[str, ...]
    """Of the cohort, for its description."""
    plans: Callable[[Rng, Extent], list[Plan]]
    """The recordings of one participant."""
    events: Events
    """Ratings: a table with onset, duration, scale, value, rater."""
    default: Extent
    full: Extent
    """The published size."""
    worlds: tuple[str, ...]
    groups: tuple[Group, ...] = EVERYBODY
    """Participants take turns."""
    observers: int = 0
    """Raters other than the participants, the same for the whole cohort."""
    coded: bool = False
    """Whether FACS coders write down every frame."""
    signals: bool = False
    """Whether muscle and skin signals are recorded."""


def rated(
    onset: np.ndarray, duration: np.ndarray | float | int, scale: str, value: np.ndarray, rater: str
) -> pd.DataFrame:
    """Rows of an events table."""
    return pd.DataFrame({"onset": onset, "duration": duration, "scale": scale, "value": value, "rater": rater})
