"""What pain and expression do over time in worlds where a claim is to be true or false."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from personalize.phantom.patient.people import REGIONS
from personalize.phantom.plan import Plan, Track, episodes, quiet
from personalize.phantom.worlds import World

Story = Callable[[Plan, float, np.random.Generator], Plan]
"""Plan, a number 0-1 of the person, and randomness to a plan."""

HOLD = 5.0
"""Seconds for which pain is held in worlds without dynamics."""
WINDOW = (5.0, 9.0)
"""Shortest and longest stretch of pain or no pain in worlds that alternate them, seconds."""


def tell(plan: Plan, world: World, person: float, rng: np.random.Generator) -> Plan:
    """The plan as this world has it. `person` is a number 0-1 that stays with the participant."""
    changed, soiled = STORIES[world.story](plan, person, rng), rng.uniform()
    if soiled >= world.contamination:
        return changed
    level = np.where(quiet(plan), rng.uniform(4, 8), 0)
    return changed._replace(pain=np.maximum(changed.pain, level), shown=np.maximum(changed.shown, level))


def _natural(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    return plan


def _clock(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """Ratings rise with the time since the recording's start; the face answers to pains that know nothing of it."""
    shown = episodes(rng, plan.time, 0, plan.length, pause=3, levels=(1.5, 10.0))
    return plan._replace(pain=10 * plan.time / plan.length, shown=shown * ~quiet(plan))


def _level(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """Everybody's own level, with little change."""
    slow = np.sin(2 * np.pi * (plan.time / 20 + rng.uniform()))
    pain = np.clip(1 + 8 * person + 0.3 * slow, 0, 10)
    return plan._replace(pain=pain, shown=pain)


def _held(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """Pain in steps, and expression that is there at once and stays."""
    step = (plan.time // HOLD).astype(int)
    means = np.bincount(step, plan.pain) / np.bincount(step)
    pain = means[step]
    return plan._replace(pain=pain, shown=pain, drive=_all_regions(pain / 10))


def _tempo(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """Pain moves the face in slow waves and its absence in fast ones of the same size."""
    pain = _windows(plan, rng)
    turns = rng.uniform() + np.cumsum(np.diff(plan.time, prepend=0) * np.where(pain > 0, 0.25, 1.75))
    return plan._replace(pain=pain, shown=pain, drive=_all_regions(0.5 + 0.5 * np.sin(2 * np.pi * turns)))


def _pairs(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """Brows and upper lip: both or neither for a moment in pain, one or the other without, each half of the time."""
    pain = _windows(plan, rng)
    moment = (plan.time // 1.5).astype(int)
    brow = (rng.uniform(size=moment[-1] + 1) < 0.5)[moment]
    lip = np.where(pain > 0, brow, ~brow)
    drive = np.zeros((len(plan.time), len(REGIONS)))
    drive[:, 0], drive[:, 2] = brow, lip
    return plan._replace(pain=pain, shown=pain, drive=drive)


def _split(plan: Plan, person: float, rng: np.random.Generator) -> Plan:
    """No pain in odd recordings, strong pain in even ones, each kind with a camera of its own."""
    if int(plan.session) % 2:
        return plan._replace(pain=0 * plan.pain, shown=0 * plan.shown, set_up=0)
    pain = np.where(quiet(plan), 0, np.maximum(plan.pain, 5))
    return plan._replace(pain=pain, shown=pain, set_up=1)


STORIES: dict[str, Story] = {
    "natural": _natural,
    "clock": _clock,
    "level": _level,
    "held": _held,
    "tempo": _tempo,
    "pairs": _pairs,
    "split": _split,
}


def _windows(plan: Plan, rng: np.random.Generator) -> Track:
    """Pain of 8 and none by turns, for some seconds each."""
    edges = np.cumsum(rng.uniform(*WINDOW, int(plan.time[-1] / WINDOW[0]) + 2))
    turn = np.searchsorted(edges, plan.time, side="right") + rng.integers(2)
    return 8.0 * (turn % 2)


def _all_regions(drive: Track) -> Float[np.ndarray, "n 4"]:
    return np.repeat(drive[:, None], len(REGIONS), 1)
