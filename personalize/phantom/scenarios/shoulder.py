"""`shoulder`: people with a painful shoulder move each arm, in short sequences: like UNBC-McMaster.

The archive has 25 people, 200 sequences `[code×2 + recall+]` of about 60-700 frames `[recall]`, 82.7 % of its frames
without pain `[recall+]`, FACS and PSPI per frame, and VAS, SEN, AFF and the observer's OPI per sequence `[code]`.
"""

import numpy as np
import pandas as pd

from personalize.phantom.face.facs import pspi
from personalize.phantom.patient.course import coded
from personalize.phantom.patient.raters import Observer, observe, self_report
from personalize.phantom.plan import Phase, Plan, episodes, frames
from personalize.phantom.scenarios.base import COMMON_WORLDS, Extent, Recording, Rng, Scenario, rated

STILL = 1.5
"""Seconds without expression at the start of a sequence."""
MOVEMENTS = [(test, way, side) for test in "12" for way in "aefi" for side in ("affected", "unaffected")]
"""Active and passive tests (1, 2) of abduction, external rotation, flexion and internal rotation, each arm."""
DESCRIPTORS = 15
"""Top of the sensory (SEN) and affective (AFF) verbal scales; their length is not in the dossier `[inferred]`."""


def plans(rng: Rng, extent: Extent) -> list[Plan]:
    """Sequences of between half and one and a half times `extent.seconds`, half of them with the affected arm."""
    sore = rng.uniform(2, 10)
    half = (extent.recordings + 1) // 2
    affected, unaffected = (rng.permutation([m for m in MOVEMENTS if m[2] == s]) for s in ("affected", "unaffected"))
    chosen = [(affected, unaffected)[i % 2][i // 2 % len(affected)] for i in range(2 * half)][: extent.recordings]
    found = []
    for number, (test, way, side) in enumerate(chosen, 1):
        seconds = extent.seconds * rng.uniform(0.5, 1.5)
        time = frames(seconds, extent.fps)
        hurts = sore if side == "affected" else 0.15 * sore * (rng.uniform() < 0.3)
        pain = episodes(rng, time, STILL, seconds, pause=5, levels=(0.4 * hurts, hurts))
        phases = (Phase("neutral", 0, STILL, quiet=True), Phase("movement", STILL, seconds - STILL))
        about = (("test", str(test)), ("movement", str(way)), ("side", str(side)))
        clock = 60.0 * (number - 1)
        found.append(Plan(f"{number:02d}", time, pain, pain, phases, clock=clock, about=about))
    return found


def events(recording: Recording, observers: tuple[Observer, ...], rng: Rng) -> pd.DataFrame:
    """PSPI of every frame by a coder; VAS, SEN and AFF by the person and OPI (0-5) by an observer for the sequence."""
    plan, course = recording.plan, recording.course
    codes = pspi(coded(course))
    felt = np.array([plan.pain.max()])
    shown = 5 * np.clip(np.array([0.6 * codes.max() / 10 + 0.4 * plan.shown.max() / 10]), 0, 1)
    length = plan.length
    start, habit = np.zeros(1), recording.person.habit._replace(digits=0, refusal=0)
    rows = [
        rated(plan.time, plan.step, "pspi", codes, "coder1"),
        rated(start, length, "opi", observe(shown, observers[0], rng, top=5)[0], "observer1"),
        rated(start, length, "vas", self_report(felt, habit, rng, 0.1), "self"),
    ]
    for scale in ("sen", "aff"):
        words = np.round(self_report(felt, habit, rng, 0.1) * DESCRIPTORS / 10)
        rows.append(rated(start, length, scale, words, "self"))
    return pd.concat(rows, ignore_index=True)


SHOULDER = Scenario(
    name="shoulder",
    number=3,
    summary="short sequences of arm movements, coded frame by frame, like UNBC-McMaster (also --layout unbc)",
    caveats=("Most frames are free of pain, as in the archive that it is modelled on.",),
    plans=plans,
    events=events,
    default=Extent(participants=20, recordings=4, seconds=6.0, fps=10),
    full=Extent(participants=25, recordings=8, seconds=10.0, fps=24, size=320),
    worlds=COMMON_WORLDS,
    observers=1,
    coded=True,
)
