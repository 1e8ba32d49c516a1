"""From pain to muscles: what a person of some signature shows of a plan's pain."""

import numpy as np
from jaxtyping import Float

from personalize.phantom.face.parameters import MAXIMUM, MUSCLES
from personalize.phantom.patient.people import REGION, Signature
from personalize.phantom.plan import Plan, Track

MuscleTrack = Float[np.ndarray, "n 16"]

RISE, FALL = 0.15, 0.3
"""Time constants in seconds of a muscle that contracts and that lets go."""
BOUT = 4.0
"""Mean seconds after which pain is shown with another mix of the person's muscles."""
SCATTER, REST_SHARE = 0.65, 0.35
"""Of a mix: standard deviation of each muscle's log factor, and share of muscles that take no part.

Chosen so that no distance between two landmarks follows PSPI closely (`test_phantom_difficulty.py`).
"""


def pain_expression(plan: Plan, signature: Signature, rng: np.random.Generator) -> MuscleTrack:
    """What pain adds to each of `MUSCLES`.

    Natural expression starts beyond the person's threshold and after a delay, tires, stays below a ceiling and recruits
    another mix of the person's muscles every few seconds, so that pain units do not always move together. Where the
    plan dictates the drive of the regions, expression is the gain times the drive and nothing else.
    """
    mix = _mixes(rng, plan.time, signature.gain)
    if plan.drive is not None:
        return np.minimum(signature.gain * plan.drive[:, REGION] * (REGION >= 0), signature.ceiling)
    felt = np.stack([_felt(plan, signature.threshold, delay) for delay in signature.delay], 1)
    return np.minimum(follow(signature.gain * felt * mix * _freshness(plan, signature), plan.time), signature.ceiling)


def tone(plan: Plan, signature: Signature, rng: np.random.Generator) -> MuscleTrack:
    """Resting tone with its drift over the protocol and a little tremor."""
    minutes = (plan.clock + plan.time)[:, None] / 60
    tremor = 0.06 * rng.normal(size=(len(plan.time), len(MUSCLES))) * (MAXIMUM > 1)
    return np.clip(signature.rest + signature.drift * np.tanh(minutes / 5) * 5 + tremor, 0, MAXIMUM)


def follow(target: MuscleTrack, time: Track) -> MuscleTrack:
    """Muscles that go towards a target as fast as they can, contracting faster than letting go."""
    step = float(time[1] - time[0]) if len(time) > 1 else 1.0
    rise, fall = (1 - np.exp(-step / constant) for constant in (RISE, FALL))
    out, now = np.empty_like(target), target[0]
    for i, wanted in enumerate(target):
        now = now + np.where(wanted > now, rise, fall) * (wanted - now)
        out[i] = now
    return out


def _felt(plan: Plan, threshold: float, delay: float) -> Track:
    """Pain beyond the threshold some seconds ago, 0-1."""
    past = np.interp(plan.time - delay, plan.time, plan.shown)
    return np.clip((past - threshold) / (10 - threshold), 0, 1)


def _freshness(plan: Plan, signature: Signature) -> Float[np.ndarray, "n 1"]:
    """Share of the expression that habituation has left."""
    step = np.diff(plan.time, prepend=0)
    minutes = np.cumsum(step * (plan.shown > signature.threshold)) / 60
    return ((1 - signature.habituation) ** minutes)[:, None]


def _mixes(rng: np.random.Generator, time: Track, gain: Float[np.ndarray, "16"]) -> MuscleTrack:
    """Factor of each muscle, sometimes 0, new for every bout and blended over half a second.

    A mix shares out what is shown and leaves its amount: the mean factor, weighted by the person's gain, is 1.
    """
    starts = np.cumsum([0.0, *rng.exponential(BOUT, int(2 * time[-1] / BOUT) + 8)])
    shape = (len(starts), len(MUSCLES))
    mixes = np.exp(SCATTER * rng.normal(size=shape)) * (rng.uniform(size=shape) > REST_SHARE)
    amount = mixes @ (gain / MAXIMUM) / max((gain / MAXIMUM).sum(), 1e-9)
    mixes = mixes / np.maximum(amount, 0.25)[:, None]
    bout = np.searchsorted(starts, time, side="right") - 1
    new = np.clip((time - starts[bout]) / 0.5, 0, 1)[:, None]
    return mixes[np.maximum(bout - 1, 0)] * (1 - new) + mixes[bout] * new
