"""People of a scenario as a table of units: what their faces did, and what was rated. Nothing is rendered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from personalize.cohorts.labels import overlap_mean, overlap_shares
from personalize.phantom.cohort import STRIDE
from personalize.phantom.filming import Take, cast, observers, takes
from personalize.phantom.patient.raters import Observer
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.scenarios.base import Scenario
from personalize.phantom.worlds import NATURAL

WINDOW, RATE = 2.0, 4
"""Seconds of a unit, and frames a second of the streams."""


class Streams(NamedTuple):
    """Units of people, person by person."""

    face: Float[np.ndarray, "n 19"]
    """Mean intensity of every action unit (`facs.AUS`) over the unit, as it was."""
    truth: Float[np.ndarray, "n"]
    """Mean rating over the unit."""
    person: Int[np.ndarray, "n"]
    """0, 1 ... without gaps, in order."""
    later: Bool[np.ndarray, "n"]
    """Is of a later recording than the person's first: those are tested, the first one gives the person's labels."""


def streams(scenario: str, scale: str, seed: int, numbers: Sequence[int]) -> Streams:
    """The people of these numbers, as `wince phantom SCENARIO --seed SEED` would film them at `RATE`.

    Units without a rating (a question not yet asked, or not answered) are left out, and people who lack rated units in
    their first recording or in the later ones.
    """
    chosen = SCENARIOS[scenario]
    extent = replace(chosen.default, participants=1, fps=RATE)
    root = seed + STRIDE * chosen.number
    raters = observers(chosen, NATURAL, root)
    people = []
    for number in numbers:
        (member,) = cast(chosen, NATURAL, root, number, 1)
        units = [_units(take, chosen, raters, scale) for take in takes(chosen, NATURAL, extent, member, root)]
        face, truth = (np.concatenate(column) for column in zip(*units, strict=True))
        later = np.arange(len(truth)) >= len(units[0][1])
        if 0 < later.sum() < len(later):
            people.append(Streams(face, truth, np.zeros(len(truth), int), later))
    return joined(people)


def _units(
    take: Take, scenario: Scenario, raters: tuple[Observer, ...], scale: str
) -> tuple[Float[np.ndarray, "n 19"], Float[np.ndarray, "n"]]:
    """Faces and ratings of a recording's units."""
    ratings = scenario.events(take.recording, raters, take.rng.spawn(2)[0])
    ratings = ratings[(ratings["scale"] == scale) & ratings["value"].notna()]
    onset, duration, value = (ratings[name].to_numpy(float) for name in ("onset", "duration", "value"))
    aus, count = take.recording.course.aus, int(WINDOW * RATE)
    size = len(aus) // count
    start = np.arange(size) * WINDOW
    label = overlap_mean(overlap_shares(start, start + WINDOW, onset, duration), value)
    face = aus[: size * count].reshape(size, count, -1).mean(axis=1)
    return face[label.valid], label.target[label.valid]


def joined(parts: Sequence[Streams]) -> Streams:
    """Several groups of people as one."""
    first = np.cumsum([0, *(int(part.person[-1]) + 1 for part in parts)])
    person = [part.person + start for part, start in zip(parts, first, strict=False)]
    face, truth, _, later = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Streams(face, truth, np.concatenate(person), later)


def chosen(people: Streams, numbers: Int[np.ndarray, "p"]) -> Streams:
    """Some of the people, in this order."""
    edges = np.searchsorted(people.person, np.arange(people.person[-1] + 2))
    units = [np.arange(edges[number], edges[number + 1]) for number in numbers]
    index = np.concatenate(units)
    person = np.repeat(np.arange(len(numbers)), [len(each) for each in units])
    return Streams(people.face[index], people.truth[index], person, people.later[index])
