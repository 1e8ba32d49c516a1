"""The rule that nothing is on both sides of a split: no person, no recording, no moment, no near copy of one."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.neighbors import NearestNeighbors

from personalize.cohorts.identity import same_person_key
from personalize.protocols.units import Units

FEWEST_TWINS = 3
"""So many different rows of a recording have to have a twin before it counts as a copy of another."""


class LeakError(ValueError):
    """Something held out was seen in a fit. A fault of the program, not of the user."""

    def __init__(self, text: str, reason: str = "shared participant") -> None:
        super().__init__(text)
        self.reason = reason
        """What kind of leak it is, in few words."""


def assert_disjoint(seen: Iterable[str], held_out: Iterable[str], what: str = "participant") -> None:
    """Raises `LeakError` naming the first one on both sides; letter case, whitespace, Unicode form do not tell apart.

    The reason is "shared participant" (or unit), or "participant spelled differently" where only the names differ.
    """
    exact = {str(name) for name in seen}
    keys = {same_person_key(name): name for name in sorted(exact)}
    for name in map(str, held_out):
        if (key := same_person_key(name)) in keys:
            reason = f"shared {what}" if name in exact else f"{what} spelled differently"
            found = name if name in exact else keys[key]
            raise LeakError(f"{what} {name!r} is held out but was seen in a fit as {found!r}", reason)


def assert_new_recordings(seen: Units, held_out: Units) -> None:
    """Raises `LeakError` where a held-out recording has the checksum of one that was seen under another name."""
    given = {}
    for units in (seen, held_out):
        names = zip(units.checksum.tolist(), units.participant.tolist(), units.recording.tolist(), strict=True)
        known = dict.fromkeys(name for name in names if name[0])
        for checksum, person, recording in known:
            before = given.get(checksum, (person, recording))
            if units is held_out and before != (person, recording):
                raise LeakError(f"recording {recording!r} of {person!r} is the one seen as {before[1]!r} of "
                                f"{before[0]!r}: same checksum {checksum[:12]}", "same recording")  # fmt: skip
            if units is seen:
                given[checksum] = (person, recording)


def gaps(seen: Units, held_out: Units) -> Float[np.ndarray, "m"]:
    """Seconds from every held-out unit to the nearest seen one of its recording; below 0 where they overlap.

    Infinite where nothing of the recording was seen, NaN where times are not known.
    """
    out = np.full(len(held_out), np.inf)
    theirs, ours = _keys(seen.recording), _keys(held_out.recording)
    for name in set(theirs.tolist()) & set(ours.tolist()):
        rows, some = np.flatnonzero(ours == name), seen.take(theirs == name)
        order = np.argsort(some.t0)
        start, latest_end = some.t0[order], np.maximum.accumulate(some.t1[order])
        place = np.searchsorted(start, held_out.t0[rows], side="right")
        before = held_out.t0[rows] - np.append(-np.inf, latest_end)[place]
        after = np.append(start, np.inf)[place] - held_out.t1[rows]
        unknown = np.isnan(some.t0).any() | np.isnan(held_out.t0[rows])
        out[rows] = np.where(unknown, np.nan, np.minimum(before, after))
    return out


def assert_purged(seen: Units, held_out: Units, purge: float) -> None:
    """Raises `LeakError` where a held-out unit overlaps a seen one ("overlapping windows") or lies nearer than
    `purge` seconds ("purge gap"). Units whose times are not known are not compared.
    """
    gap = gaps(seen, held_out)
    near = np.where(np.isnan(gap), np.inf, gap)
    if len(near) and near.min() < purge - 1e-9:
        worst = int(near.argmin())
        name = held_out.ids()[worst]
        if near[worst] < -1e-9:
            raise LeakError(f"unit {name!r} is held out but overlaps one that was seen", "overlapping windows")
        raise LeakError(f"unit {name!r} is held out but lies {near[worst]:g} s from one that was seen; "
                        f"the purge gap is {purge:g} s", "purge gap")  # fmt: skip


def assert_reference_outside(reference: Units, held_out: Units) -> None:
    """Raises `LeakError` where a unit of the neutral reference overlaps a held-out one, or is one."""
    gap = gaps(reference, held_out)
    shared = np.isin(held_out.ids(), reference.ids())
    if (inside := shared | (gap < -1e-9)).any():
        name = held_out.ids()[int(inside.argmax())]
        raise LeakError(f"the neutral reference lies inside the test segment, at unit {name!r}", "neutral reference")


def assert_no_copies(
    seen: Units,
    x_seen: Float[np.ndarray, "n d"],
    held_out: Units,
    x_held_out: Float[np.ndarray, "m d"],
    tolerance: float = 0.02,
) -> None:
    """Raises `LeakError` where a recording, or a person, is nearly the copy of another that was seen.

    Two rows are twins when they differ by less than `tolerance` standard deviations (root mean square over the
    columns). A copy has twins, in one recording of another name, for half of its different rows, `FEWEST_TWINS` at
    least; a row with twins in two other people is a common one (a face at rest in a table of action units) and does
    not count.
    """
    whole = [np.flatnonzero(np.isfinite(x).all(axis=1)) for x in (x_seen, x_held_out)]
    seen, x_seen = seen.take(whole[0]), x_seen[whole[0]]
    held_out, x_held_out = held_out.take(whole[1]), x_held_out[whole[1]]
    if not len(seen) or not len(held_out):
        return
    spread = np.concatenate([x_seen, x_held_out]).std(axis=0)
    scale = np.where(spread > 0, spread, 1.0) * np.sqrt(len(spread))
    a, b = x_seen / scale, x_held_out / scale
    for names in ("recording", "participant"):
        old, new = _keys(getattr(seen, names)).tolist(), _keys(getattr(held_out, names))
        rows, others = _different(b, new), _different(a, np.array(old))
        twins = NearestNeighbors(radius=tolerance).fit(a[others]).radius_neighbors(b[rows], return_distance=False)
        found = [others[index] for index in twins]
        people = _keys(seen.participant)
        for name in np.unique(new):
            own = np.flatnonzero(new[rows] == name)
            of = [{old[j] for j in found[i]} - {name} for i in own if len(set(people[found[i]])) == 1]
            for source in sorted(set().union(*of)):
                count = sum(source in some for some in of)
                if count >= max(FEWEST_TWINS, len(own) / 2):
                    raise LeakError(f"{names} {name!r} is held out but {count} of its {len(own)} rows are in "
                                    f"{source!r}, which was seen", "near-duplicate")  # fmt: skip


def _different(x: Float[np.ndarray, "n d"], names: Shaped[np.ndarray, "n"]) -> np.ndarray:
    """Positions of the first of equal rows of one name."""
    code = np.unique(names, return_inverse=True)[1]
    return np.sort(np.unique(np.column_stack([code, x.round(12)]), axis=0, return_index=True)[1])


def _keys(names: Shaped[np.ndarray, "n"]) -> Shaped[np.ndarray, "n"]:
    """Names whose spelling is forgiven."""
    different, code = np.unique(names.astype(str), return_inverse=True)
    return np.array([same_person_key(name) for name in different.tolist()], dtype=object)[code]
