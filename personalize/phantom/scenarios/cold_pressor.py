"""`cold_pressor`: a hand in iced water until it is no longer bearable, pain spoken as a number on the way.

After system 29 (Guo 2021; `[unknown]` there: fps, size, rating schedule): a 30 s baseline `[paper·abs, of what is
inferred to be the same project]`, 29 people `[seed]`, pain rising as a saturating exponential to the person's tolerance
(the project's own stand-in), a spoken 0-10 every 10-15 s.
"""

import numpy as np
import pandas as pd

from personalize.phantom.patient.raters import Observer, self_report
from personalize.phantom.plan import Phase, Plan, Track, frames
from personalize.phantom.scenarios.base import COMMON_WORLDS, Extent, Recording, Rng, Scenario, rated

NEUTRAL, BASELINE, AFTER = 5.0, 30.0, 8.0
"""Seconds: of the neutral moment, of the whole baseline, and filmed after the hand is out of the water."""
BETWEEN = 300.0
"""Seconds from an immersion's end to the next baseline, not filmed."""


def plans(rng: Rng, extent: Extent) -> list[Plan]:
    """Immersions of at most `extent.seconds`, each with its own baseline."""
    rise = 18 * np.exp(0.4 * rng.normal())  # time constant and level at which pain saturates, tolerated pain
    plateau, tolerance = rng.uniform((6, 5.5), (11, 9.5))
    found, clock = [], 0.0
    for number in range(1, extent.recordings + 1):
        own_rise, own_plateau = rise * np.exp(0.15 * rng.normal()), plateau * np.exp(0.08 * rng.normal())
        stay = _stay(own_rise, own_plateau, tolerance, extent.seconds)
        time = frames(BASELINE + stay + AFTER, extent.fps)
        pain = _pain(time, own_rise, own_plateau, stay)
        phases = (
            Phase("neutral", 0, NEUTRAL, quiet=True),
            Phase("baseline", NEUTRAL, BASELINE - NEUTRAL),
            Phase("immersion", BASELINE, stay),
            Phase("recovery", BASELINE + stay, AFTER),
        )
        asked = tuple(np.cumsum([NEUTRAL + 3, *rng.uniform(10, 15, int(time[-1] / 10))]))
        asked = tuple(float(t) for t in asked if t < time[-1] - 2)
        found.append(Plan(f"{number:02d}", time, pain, pain, phases, asked, clock, excerpt=True))
        clock += BASELINE + stay + BETWEEN
    return found


def _stay(rise: float, plateau: float, tolerance: float, longest: float) -> float:
    """Seconds until pain reaches what the person tolerates, or the end of the protocol."""
    if plateau <= tolerance:
        return longest
    return float(np.clip(-rise * np.log(1 - tolerance / plateau), 10, longest))


def _pain(time: Track, rise: float, plateau: float, stay: float) -> Track:
    t = time - BASELINE
    under = plateau * (1 - np.exp(-np.clip(t, 0, stay) / rise))
    return np.clip(under * np.exp(-np.maximum(t - stay, 0) / 4), 0, 10)


def events(recording: Recording, observers: tuple[Observer, ...], rng: Rng) -> pd.DataFrame:
    """Spoken whole numbers 0-10 (scale `vas`), each holding until the next; an unanswered question has no value."""
    time, asked = recording.plan.time, np.array(recording.plan.asked)
    value = self_report(np.interp(asked, time, recording.plan.pain), recording.person.habit, rng)
    return rated(asked, np.diff(asked, append=recording.plan.length), "vas", value, "self")


COLD_PRESSOR = Scenario(
    name="cold_pressor",
    number=1,
    summary="a hand in iced water up to the person's tolerance, pain spoken as a number every 10-15 s",
    caveats=(
        "Pain rises with the time under water, so that a clock alone predicts much of it.",
        "Excerpts: the minutes between immersions are not filmed; StartTime is the protocol's clock.",
    ),
    plans=plans,
    events=events,
    default=Extent(participants=16, recordings=2, seconds=45.0, fps=10),
    full=Extent(participants=29, recordings=3, seconds=180.0, fps=25, size=320),
    worlds=(*COMMON_WORLDS, "signals-by-time"),
    signals=True,
)
