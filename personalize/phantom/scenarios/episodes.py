"""`episodes`: people at rest with episodes of pain, rated every second. Short; the cohort of `wince demo`."""

import numpy as np
import pandas as pd

from personalize.phantom.face.facs import pspi
from personalize.phantom.patient.course import coded
from personalize.phantom.patient.raters import Observer, self_report
from personalize.phantom.plan import Phase, Plan, episodes, frames
from personalize.phantom.scenarios.base import COMMON_WORLDS, Extent, Recording, Rng, Scenario, rated

QUIET = 2.5
"""Seconds at the start of a recording without any expression."""


def plans(rng: Rng, extent: Extent) -> list[Plan]:
    """Recordings of `extent.seconds` with a quiet start and then pain, denser in some than in others."""
    found = []
    for number in range(1, extent.recordings + 1):
        time = frames(extent.seconds, extent.fps)
        pause = np.exp(rng.uniform(np.log(0.5), np.log(6)))
        pain = episodes(rng, time, QUIET, extent.seconds, pause, levels=(1.5, 10.0))
        phases = (Phase("neutral", 0, QUIET, quiet=True), Phase("episodes", QUIET, extent.seconds - QUIET))
        found.append(Plan(f"{number:02d}", time, pain, pain, phases))
    return found


def events(recording: Recording, observers: tuple[Observer, ...], rng: Rng) -> pd.DataFrame:
    """One self-rating on a slider (0-10 in tenths) and one coder's mean PSPI for every second."""
    time = recording.plan.time
    fps = round(1 / recording.plan.step)
    starts = np.arange(0, len(time), fps)
    count = np.diff(np.append(starts, len(time)))
    pain, shown = (np.add.reduceat(x, starts) / count for x in (recording.plan.pain, pspi(coded(recording.course))))
    slider = recording.person.habit._replace(digits=0, refusal=0)
    when = starts / fps, count / fps
    return pd.concat(
        [
            rated(*when, "vas", self_report(pain, slider, rng, step=0.1), "self"),
            rated(*when, "pspi", np.round(shown, 2), "coder1"),
        ],
        ignore_index=True,
    )


EPISODES = Scenario(
    name="episodes",
    number=0,
    summary="people at rest with episodes of pain, rated every second",
    caveats=("A rating for every second, as no person gives: for checks of the machinery.",),
    plans=plans,
    events=events,
    default=Extent(participants=16, recordings=2, seconds=16.0, fps=10, size=128),
    full=Extent(participants=60, recordings=4, seconds=60.0, fps=10, size=128),
    worlds=COMMON_WORLDS,
)
