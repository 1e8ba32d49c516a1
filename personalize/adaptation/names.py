"""The names of the adaptations: a feature step that needs no label, a personal step that does, or both.

Kept apart from what does the work, so that a config can be read and refused without loading it.
"""

from typing import NamedTuple

from pretrain.errors import UserError, nearest


class Parts(NamedTuple):
    """An adaptation's name taken apart."""

    referenced: bool
    """Whether features are differences to the neutral reference of their recording."""
    personal: str
    """Name in `personalize.adaptation.personal.PERSONAL`."""


NAMES = ("none", "participant_prior", "reference", "reference+ridge", "ridge")


def parts(name: str) -> Parts:
    """Takes a name such as `reference+ridge` apart; raises `UserError` for an unknown one.

    >>> parts("reference+ridge")
    Parts(referenced=True, personal='ridge')
    """
    if name not in NAMES:
        raise UserError(f"unknown adaptation {name!r}{nearest(name, NAMES)}")
    referenced = name.split("+")[0] == "reference"
    return Parts(referenced, name.removeprefix("reference").lstrip("+") or "none")


def takes_labels(name: str) -> bool:
    """Whether an adaptation uses labels of the person."""
    return parts(name).personal != "none"
