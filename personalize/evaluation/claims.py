"""Claims: a comparison that is stated, and hashed, before anybody is tested, and the verdict that its interval gives.

The difference is signed so that positive is the claimed direction, and delta is the smallest difference of interest.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import LOWER_IS_BETTER, METRICS
from personalize.evaluation.targets import VIEWS
from pretrain.errors import UserError, nearest

SUPPORTED, NOT_SUPPORTED, INCONCLUSIVE, UNDEFINED = "supported", "not supported", "inconclusive", "undefined"
NO_BETTER = ("calibration_intercept", "calibration_slope")
"""Metrics that are best in the middle: neither higher nor lower is better."""

_strict = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_strict)
class ClaimSide:
    """One of the two that are compared."""

    adaptation: str
    k: Annotated[int, Field(ge=0)] = 0
    system: str | None = None
    """What made the features; None: what made those of the run."""

    def __str__(self) -> str:
        return f"{self.adaptation} k={self.k}" + (f" of {self.system}" if self.system else "")


@dataclass(frozen=True, config=_strict)
class ClaimConfig:
    """One comparison: side `better` has a higher (or lower) metric than side `than`."""

    says: Annotated[str, Field(min_length=1)]
    """The claim as a sentence."""
    metric: str
    direction: Literal["higher", "lower"]
    """Which way is better."""
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Smallest difference of interest, in the unit of the metric."""
    better: ClaimSide
    than: ClaimSide
    pooling: Literal["mean_over_participants", "pooled"] = "mean_over_participants"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"claim {self.says!r}: unknown metric {self.metric!r}{nearest(self.metric, METRICS)}")
        if self.metric in NO_BETTER:
            raise UserError(f"claim {self.says!r}: {self.metric} is best in the middle, not the higher or the lower")
        right = "lower" if self.metric in LOWER_IS_BETTER else "higher"
        if self.direction != right:
            raise UserError(f"claim {self.says!r}: direction {self.direction!r} is wrong, for {right} {self.metric} is "
                            f"better; swap the sides, or say {right!r}")  # fmt: skip
        if self.better == self.than:
            raise UserError(f"claim {self.says!r}: both sides are {self.better}")


def check_claim(claim: ClaimConfig, sides: Collection[tuple[str, int]], kinds: Sequence[str]) -> None:
    """Raises `UserError` for a side that is not among the (adaptation, k), or a metric that no kind of target has."""
    names = [f"{name} k={k}" for name, k in sides]
    for word, side in (("better", claim.better), ("than", claim.than)):
        if (side.adaptation, side.k) not in sides:
            name = f"{side.adaptation} k={side.k}"
            raise UserError(f"claim {claim.says!r}: its side `{word}`, {name}, is not among the adaptations "
                            f"({', '.join(names)}){nearest(name, names)}")  # fmt: skip
    if not any(claim.metric in VIEWS[kind] for kind in kinds):
        known = [name for name in METRICS if name not in NO_BETTER and any(name in VIEWS[kind] for kind in kinds)]
        raise UserError(f"claim {claim.says!r}: {claim.metric} is not defined for a target of kind {kinds[0]}"
                        f"{nearest(claim.metric, known)}")  # fmt: skip


def claim_hash(claim: ClaimConfig, about: Any) -> str:
    """SHA-256 of a claim together with what it is about (JSON values), whatever the order of their keys."""
    return json_hash({"claim": asdict(claim), "about": about})


def json_hash(values: Any) -> str:
    """SHA-256 of JSON values: keys sorted, no spaces, ASCII."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def verdict(estimate: float, low: float, high: float, delta: float) -> str:
    """What an interval of the signed difference says of the claim.

    *Supported*: the whole interval is above 0 and the estimate at least delta. *Not supported*: the whole interval is
    below delta, also where it is above 0: a difference, but a smaller one than is of interest. Else *inconclusive*.
    """
    if low > 0 and estimate >= delta:
        return SUPPORTED
    return NOT_SUPPORTED if high < delta else INCONCLUSIVE


def signed(claim: ClaimConfig, found: dict[str, Any]) -> dict[str, Any]:
    """Estimate, low and high of a paired difference `better` minus `than`, positive in the claimed direction."""
    estimate, low, high = found["difference"], found["low"], found["high"]
    if estimate is not None and claim.direction == "lower":
        estimate, low, high = -estimate, -high, -low
    return {"estimate": estimate, "low": low, "high": high}


def answer(
    claim: ClaimConfig,
    better: pd.DataFrame,
    than: pd.DataFrame,
    *,
    threshold: float | None,
    kind: str = "numeric",
    marks: Sequence[str] = (),
) -> dict[str, Any]:
    """The answer to a claim from the predictions of its two sides on the same units.

    `marks` are words such as LEAKY that go with either side: they are part of the verdict. A difference that cannot be
    had is `undefined`, with the reason. Keys: claim, estimate, low, high, interval, verdict, marks, n_participants,
    reason. Raises `UserError` as `paired_difference` does.
    """
    found = paired_difference(better, than, claim.metric, pooling=claim.pooling, threshold=threshold, kind=kind)
    row = signed(claim, found)
    said = UNDEFINED if row["estimate"] is None else verdict(**row, delta=claim.delta)
    return {
        "claim": asdict(claim),
        **row,
        "interval": found["interval"],
        "verdict": " ".join([said, *marks]),
        "marks": list(marks),
        "n_participants": found["n_participants"],
        "reason": found["reason"],
    }
