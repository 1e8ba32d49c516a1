"""The names of the adaptations: `FEATURES+PERSONAL+guard`, of which any part may be left out.

The features' part needs no label of the person, the personal one does, the guard holds the latter back where a
person's labels do not support it. Kept apart from what does the work, so that a config can be read and refused
without loading it.
"""

from typing import NamedTuple

from pretrain.errors import UserError, nearest

FEATURES = ("normalise", "normalise_all", "reference")
"""Standardised on the person's calibration units, on all of their units (transductive), or less a neutral moment."""
PERSONAL = ("none", "calibrate", "isotonic", "ordinal", "ridge", "head", "lora", "full", "participant_prior")
GRADIENT = ("head", "lora", "full")
"""Those among them that are fitted by gradient descent."""
GUARD = "guard"


class Parts(NamedTuple):
    """An adaptation's name taken apart."""

    features: str
    """One of `FEATURES`, "" for the features as they are."""
    personal: str
    """One of `PERSONAL`."""
    guard: bool = False

    @property
    def referenced(self) -> bool:
        """Whether features are differences to a neutral reference."""
        return self.features == "reference"


def _joined(features: str, personal: str, guard: bool) -> str:
    some = [features, "" if personal == "none" else personal, GUARD if guard else ""]
    return "+".join(part for part in some if part) or "none"


NAMES = tuple(
    _joined(features, personal, guard)
    for features in ("", *FEATURES)
    for personal in PERSONAL
    for guard in (False, True)
    if personal != "none" or not guard
)
"""All of them."""


def parts(name: str) -> Parts:
    """Takes a name such as `reference+ridge` apart; raises `UserError` for an unknown one.

    >>> parts("reference+ridge+guard")
    Parts(features='reference', personal='ridge', guard=True)
    """
    words = name.split("+")
    features = words.pop(0) if words[0] in FEATURES else ""
    guard = words[-1:] == [GUARD]
    personal = words[: len(words) - guard] or ["none"]
    known = len(personal) == 1 and personal[0] in PERSONAL
    if not known or (guard and personal[0] == "none"):
        raise UserError(f"unknown adaptation {name!r}{nearest(name, NAMES)}")
    return Parts(features, personal[0], guard)


def takes_labels(name: str) -> bool:
    """Whether an adaptation uses labels of the person."""
    return parts(name).personal != "none"
