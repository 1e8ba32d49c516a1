"""Whether two names mean the same person."""

import functools
import unicodedata
from collections.abc import Iterable


@functools.lru_cache(maxsize=1 << 18)
def same_person_key(name: str) -> str:
    """A form of a participant's name that forgives letter case, whitespace and Unicode look-alikes.

    >>> same_person_key(" Sub-01 ") == same_person_key("sub-01")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def first_clash(names: Iterable[str]) -> tuple[str, str] | None:
    """The first two of the names that mean the same person, or None; equal names clash too."""
    seen: dict[str, str] = {}
    for name in names:
        key = same_person_key(name)
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None
