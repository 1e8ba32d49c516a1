"""Claims of a run: written down in its folder before anybody is tested, and answered with its results.

The hash shows that a claim is the one that was written down, to whoever has kept the hash; it is printed for that.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.config import PersonalizeConfig
from personalize.evaluation.claims import UNDEFINED, ClaimConfig, ClaimSide, answer, check_claim, claim_hash, json_hash
from personalize.protocols.base import LEAKY
from personalize.protocols.neutral import ORACLE
from pipelines.personalization.results import About, by_system
from pipelines.run_folder import first_difference, write_json
from pretrain.errors import UserError

CLAIM = "claim.json"
CHANGED = "claim.json is not as it was written before anybody was tested"


def check_claims(config: PersonalizeConfig, kind: str, system: str) -> None:
    """Raises `UserError` for a claim that this run cannot answer, by its kind of target and what made its features."""
    for claim in config.claims:
        check_claim(claim, [(a.name, a.k) for a in config.cells()], [kind])
        for side in (claim.better, claim.than):
            if side.system not in (None, system):
                raise UserError(f"claim {claim.says!r}: {side}, but the features of this run are of {system!r}")
        if _key(claim.better, system) == _key(claim.than, system):
            raise UserError(f"claim {claim.says!r}: both sides are {claim.better}")


def check_unchanged(out: Path, before: dict[str, Any], record: dict[str, Any]) -> None:
    """Raises `UserError` when the run in `out` was begun with other claims than those of `record`."""
    of_both = (each.get("config", {}).get("claims", []) for each in (before, record))
    there, here = ({f"claim {number}": claim for number, claim in enumerate(claims, 1)} for claims in of_both)
    if different := first_difference(there, here):
        raise UserError(f"{out} belongs to another claim: {different}; a claim cannot change once its run has begun: "
                        "choose another --out")  # fmt: skip


def register(out: Path, claims: Sequence[ClaimConfig], record: dict[str, Any]) -> None:
    """Writes the claims of a run down, each with the hash of itself and the run's record, and the time."""
    if not claims:
        return
    written = {"registered": datetime.now(UTC).isoformat(timespec="seconds"), "claims": _hashed(claims, record)}
    write_json(out / CLAIM, {**written, "sha256": json_hash(written)})
    for each in written["claims"]:
        print(f"claim {each['sha256']}: {each['claim']['says']}", flush=True)


def claim_rows(
    out: Path, config: PersonalizeConfig, record: dict[str, Any], predictions: pd.DataFrame, about: About
) -> list[dict[str, Any]]:
    """The answers to the claims of a run, in the order of the config.

    A claim that is not in the folder as it was written has no verdict. Keys: those of `answer`, sha256, verified.
    """
    parts = by_system(predictions)
    system = next(iter(parts))[0]
    rows, kept = [], intact(out, config.claims, record)
    for claim, hashed in zip(config.claims, _hashed(config.claims, record), strict=True):
        better, than = (parts[_key(side, system)] for side in (claim.better, claim.than))
        rows.append({**answered(claim, better, than, about, kept=kept), "sha256": hashed["sha256"]})
    return rows


def answered(
    claim: ClaimConfig, better: pd.DataFrame, than: pd.DataFrame, about: About, *, kept: bool
) -> dict[str, Any]:
    """The answer from the predictions of a claim's sides; no verdict where it was not `kept` as it was written."""
    marks = _marks(claim, about)
    row = answer(claim, better, than, threshold=about.threshold, kind=about.kind, marks=marks)
    if not kept:
        row |= {"verdict": " ".join([UNDEFINED, *marks]), "reason": CHANGED}
    return {**row, "verified": kept}


def _key(side: ClaimSide, system: str) -> tuple[str, str, int]:
    return side.system or system, side.adaptation, side.k


def _hashed(claims: Sequence[ClaimConfig], record: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"claim": asdict(claim), "sha256": claim_hash(claim, record)} for claim in claims]


def intact(out: Path, claims: Sequence[ClaimConfig], record: dict[str, Any]) -> bool:
    """Whether the folder still holds the claims, their hashes, the time and the run's record as they were written."""
    try:
        found = json.loads((out / CLAIM).read_text())
        config = json.loads((out / "config.json").read_text())
        sealed = found.pop("sha256") == json_hash(found)
        return sealed and found["claims"] == _hashed(claims, record) and config == json.loads(json.dumps(record))
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _marks(claim: ClaimConfig, about: About) -> list[str]:
    """LEAKY and ORACLE, where either side is."""
    sides = (claim.better, claim.than)
    words = {word for side in sides for word in about.marks.get(f"{side.adaptation} {side.k}", [])}
    words |= {LEAKY} if about.leaky else set()
    return [word for word in (LEAKY, ORACLE) if word in words]
