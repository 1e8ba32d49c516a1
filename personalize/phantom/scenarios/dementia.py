"""`dementia`: older adults with severe dementia and healthy older adults, at rest and when they are moved.

After system 36 (Rezaei 2021): two groups that count as two domains `[code comment]`, filmed at baseline and during
movement `[recall, medium]`, FACS-coded by hand `[paper]`, with PACSLAC-II as the observer's scale `[recall, medium]`.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from personalize.phantom.face.facs import pspi
from personalize.phantom.patient.course import coded
from personalize.phantom.patient.people import PeopleConfig
from personalize.phantom.patient.raters import Observer, observe, self_report
from personalize.phantom.plan import Phase, Plan, episodes, frames, within
from personalize.phantom.scenarios.base import COMMON_WORLDS, Extent, Group, Recording, Rng, Scenario, rated

NEUTRAL, REST = 4.0, 14.0
"""Seconds: of the neutral moment, and of the whole rest segment."""
ITEMS = 31
"""Of PACSLAC-II, present or absent each: 0-31 `[paper]`."""
BETWEEN = 7 * 86400.0
"""Seconds from one visit to the next."""


def _healthy(people: PeopleConfig) -> PeopleConfig:
    return replace(people, ages=(65.0, 90.0))


def _with_dementia(people: PeopleConfig) -> PeopleConfig:
    """Shows more, rests with more tone and cannot say: the direction is the project's choice for a domain shift."""
    return replace(
        people,
        ages=(72.0, 97.0),
        strength=1.25 * people.strength,
        stoic=0.5 * people.stoic,
        resting=1.5 * people.resting,
        lines=1.3 * people.lines,
        refusal=1.0,
    )


def plans(rng: Rng, extent: Extent) -> list[Plan]:
    """Visits with a rest segment and a movement segment of `extent.seconds`."""
    found = []
    sore = rng.uniform(3, 10)  # how much being moved hurts this person
    for number in range(1, extent.recordings + 1):
        length = REST + extent.seconds
        time = frames(length, extent.fps)
        moved = episodes(rng, time, REST + 1, length, pause=2.5, levels=(0.3 * sore, sore))
        ache = 0.15 * sore * (rng.uniform() < 0.4) * (time >= NEUTRAL)
        pain = np.maximum(moved, ache)
        phases = (
            Phase("neutral", 0, NEUTRAL, quiet=True),
            Phase("rest", NEUTRAL, REST - NEUTRAL),
            Phase("movement", REST, extent.seconds),
        )
        clock = (number - 1) * BETWEEN
        found.append(Plan(f"{number:02d}", time, pain, pain, phases, clock=clock, excerpt=True))
    return found


def events(recording: Recording, observers: tuple[Observer, ...], rng: Rng) -> pd.DataFrame:
    """PSPI of every frame by a coder, PACSLAC-II of each segment by every observer, the person's own word if any."""
    plan, course = recording.plan, recording.course
    segments = [Phase("rest", 0, REST), Phase("movement", REST, plan.length - REST)]
    onset, duration = (np.array([getattr(s, key) for s in segments]) for key in ("onset", "duration"))
    signs = np.array([_signs(recording, within(plan.time, s)) for s in segments])
    felt = np.array([plan.pain[within(plan.time, s)].max() for s in segments])
    rows = [rated(plan.time, plan.step, "pspi", pspi(coded(course)), "coder1")]
    for number, observer in enumerate(observers, 1):
        rows.append(rated(onset, duration, "pacslac2", observe(signs, observer, rng, top=ITEMS)[0], f"nurse{number}"))
    rows.append(rated(onset, duration, "nrs", self_report(felt, recording.person.habit, rng), "self"))
    return pd.concat(rows, ignore_index=True)


def _signs(recording: Recording, segment: np.ndarray) -> float:
    """How many of the scale's signs are there: by what face and body show (the rule is invented)."""
    shown = recording.course.pspi[segment].mean() / 16
    stirred = recording.plan.shown[segment].mean() / 10
    return ITEMS * float(np.clip(0.04 + 0.8 * shown + 0.35 * stirred, 0, 1))


DEMENTIA = Scenario(
    name="dementia",
    number=2,
    summary="older adults with severe dementia and healthy ones, at rest and moved; PSPI, PACSLAC-II",
    caveats=(
        "The groups differ by rules that were made up for a domain shift; no finding about dementia follows.",
        "Excerpts: StartTime is the clock of the protocol, one week between visits.",
    ),
    plans=plans,
    events=events,
    default=Extent(participants=24, recordings=2, seconds=26.0, fps=10),
    full=Extent(participants=100, recordings=2, seconds=120.0, fps=15, size=320),
    worlds=(*COMMON_WORLDS, "no-shift"),
    groups=(Group("dementia", _with_dementia, dim=0.8, in_bed=0.4), Group("healthy", _healthy)),
    observers=2,
    coded=True,
)
