"""The leak audit of a fold: what was held out is compared with what every fitted thing says it has seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from personalize.cohorts.identity import same_person_key
from personalize.protocols.base import Fold, Protocol
from personalize.protocols.leakage import (
    LeakError,
    assert_disjoint,
    assert_new_recordings,
    assert_no_copies,
    assert_purged,
    assert_reference_outside,
    gaps,
)
from personalize.protocols.seen import Seen
from personalize.protocols.units import Units


class Finding(NamedTuple):
    """One leak: its reason in few words (a fitted thing's is its name), and what was found."""

    reason: str
    text: str


def audit(
    fold: Fold,
    units: Units,
    *,
    fitted: Mapping[str, Any] | None = None,
    x: Float[np.ndarray, "n d"] | None = None,
    reference: Bool[np.ndarray, "n"] | None = None,
    purge: float | None = None,
) -> list[Finding]:
    """All leaks of a fold; a clean one has none.

    `fitted` holds everything that was fitted for it, by name: records (`Seen`), objects with a `seen_`, pipelines of
    such. Each may have seen the fold's train and calibration units only; one without a record is a finding.
    `x` are features in which to look for copies, `reference` the units that gave the neutral reference, `purge` the
    seconds that must lie between what was seen and the test (the protocol's `gap`; None: the longest unit's length).
    """
    train, own, test = (units.take(rows) for rows in (fold.train, fold.calibration, fold.test))
    allowed = np.concatenate([fold.train, fold.calibration])
    seen = units.take(allowed)
    gap = units.longest() if purge is None else purge
    checks: list[Callable[[], None]] = [
        lambda: assert_disjoint(train.participant, names(test.participant)),
        lambda: assert_disjoint(seen.ids(), test.ids(), what="unit"),
        lambda: _assert_one_spelling(own, test),
        lambda: assert_new_recordings(seen, test),
        lambda: assert_purged(seen, test, gap),
    ]
    if x is not None:
        checks.append(lambda: assert_no_copies(seen, x[allowed], test, x[fold.test]))
    if reference is not None:
        checks.append(lambda: assert_reference_outside(units.take(reference), test))
    return [*(found for check in checks if (found := _found(check))), *audit_fitted(fold, units, fitted or {})]


def audit_fitted(fold: Fold, units: Units, fitted: Mapping[str, Any]) -> list[Finding]:
    """The part of `audit` that looks at what has been fitted, and not at the partition itself."""
    seen, test = units.take(np.concatenate([fold.train, fold.calibration])), units.take(fold.test)
    parts = [part for name, thing in fitted.items() for part in records(name, thing)]
    return [finding for name, record in parts for finding in audit_record(name, record, seen, test)]


def audit_record(name: str, record: Seen | None, seen: Units, test: Units) -> list[Finding]:
    """What a fitted thing saw beside the units it may have `seen`; none is clean."""
    if record is None or not record.units or not record.participants:
        return [Finding("no record", f"{name} does not say which participants and units it was fitted on")]
    keys = {same_person_key(unit) for unit in record.units}
    held = [unit for unit in test.ids() if same_person_key(unit) in keys]
    if held:
        return [Finding(name, f"{name} was fitted on {len(held)} of {len(test)} test units, e.g. {held[0]!r}")]
    others = keys - {same_person_key(unit) for unit in seen.ids()}
    if others:
        return [Finding(name, f"{name} was fitted on {len(others)} units outside train and calibration")]
    try:
        assert_disjoint(record.participants, set(names(test.participant)) - set(names(seen.participant)))
    except LeakError as error:
        return [Finding(name, f"{name}: {error}")]
    return []


def records(name: str, thing: Any) -> Iterator[tuple[str, Seen | None]]:
    """The records of a fitted thing, step by step of a pipeline; None where there is none."""
    if isinstance(thing, Seen):
        yield name, thing
    elif isinstance(found := getattr(thing, "seen_", None), Seen):
        yield name, found
    elif steps := getattr(thing, "steps", None):
        for step, part in steps:
            yield from records(f"{name}: {step}", part)
    else:
        yield name, None


def assert_clean(findings: Sequence[Finding], protocol: Protocol) -> None:
    """Raises `LeakError` for the first finding, unless the protocol is marked as leaky."""
    if findings and not protocol.leaky:
        raise LeakError(f"protocol {protocol.name!r}: {findings[0].text}", findings[0].reason)


def proof(fold: Fold, units: Units) -> dict[str, Any]:
    """The partition on paper: who and how much is in every part, and the smallest gap in seconds within a recording.

    The gap is None where no recording is on both sides, or times are not known.
    """
    parts = {"train": fold.train, "calibration": fold.calibration, "test": fold.test}
    seen = units.take(np.concatenate([fold.train, fold.calibration]))
    gap = gaps(seen, units.take(fold.test))
    gap = gap[np.isfinite(gap)]
    return {
        "fold": fold.name,
        **{part: sorted(set(names(units.participant[rows]))) for part, rows in parts.items()},
        **{f"{part}_units": len(rows) for part, rows in parts.items()},
        "smallest_gap_seconds": float(gap.min()) if len(gap) else None,
    }


def names(participant: Any) -> list[str]:
    """The different names, sorted."""
    return np.unique(participant).astype(str).tolist()


def _assert_one_spelling(own: Units, test: Units) -> None:
    """A calibration person may be tested, but under one name."""
    tested = names(test.participant)
    assert_disjoint(set(names(own.participant)) - set(tested), tested)


def _found(check: Callable[[], None]) -> Finding | None:
    try:
        check()
    except LeakError as error:
        return Finding(error.reason, str(error))
    return None
