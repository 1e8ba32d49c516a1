"""The rule that nobody is on both sides of a split."""

from collections.abc import Iterable

from personalize.cohorts.identity import same_person_key


class LeakError(ValueError):
    """Something held out was seen in a fit. A fault of the program, not of the user."""


def assert_disjoint(seen: Iterable[str], held_out: Iterable[str], what: str = "participant") -> None:
    """Raises `LeakError` naming the first one on both sides; letter case and whitespace do not tell apart."""
    keys = {same_person_key(str(name)): str(name) for name in seen}
    for name in held_out:
        if (key := same_person_key(str(name))) in keys:
            raise LeakError(f"{what} {str(name)!r} is held out but was seen in a fit as {keys[key]!r}")
