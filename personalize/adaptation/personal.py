"""Population models and personal steps by name."""

import inspect
from collections.abc import Callable
from typing import Any

from personalize.adaptation.base import Adaptation, Head
from personalize.adaptation.classes import ClassRidge
from personalize.adaptation.guard import Guard
from personalize.adaptation.isotonic import Isotonic
from personalize.adaptation.names import GRADIENT, parts
from personalize.adaptation.ordinal import Ordinal
from personalize.adaptation.ridge import Ridge
from personalize.adaptation.simple import NoAdaptation, ParticipantPrior
from personalize.heads.gaussian import GaussianHead
from personalize.heads.ridge import RidgeHead
from pretrain.errors import UserError, nearest

KINDS = ("number", "class")
NUMBER: dict[str, Callable[..., Adaptation]] = {
    "none": NoAdaptation,
    "calibrate": lambda: Ridge(components=0),
    "isotonic": Isotonic,
    "ordinal": Ordinal,
    "ridge": Ridge,
    "participant_prior": ParticipantPrior,
}
CLASS: dict[str, Callable[..., Adaptation]] = {
    "none": NoAdaptation,
    "ordinal": Ordinal,
    "ridge": ClassRidge,
    "participant_prior": ParticipantPrior,
}


def make_head(kind: str, classes: int | None = None) -> Head:
    """The population model for a target of this kind, number or class; `classes` is how many there are."""
    _check(kind)
    return RidgeHead() if kind == "number" else GaussianHead(classes)


def make_adaptation(name: str, kind: str, **options: Any) -> Adaptation:
    """The personal step of an adaptation's name, with its guard, for a target of this kind.

    Options that the step does not know are left. Raises `UserError` where there is none for this kind of target.
    """
    _check(kind)
    personal, guard = parts(name).personal, parts(name).guard
    if personal in GRADIENT:
        from personalize.adaptation.gradient.adaptations import make_gradient

        step = make_gradient(personal, "number" if kind == "number" else "class", **options)
    else:
        known = NUMBER if kind == "number" else CLASS
        if personal not in known:
            raise UserError(f"adaptation {name!r} is not for a target of kind {kind!r}{nearest(personal, known)}")
        accepted = inspect.signature(known[personal]).parameters
        step = known[personal](**{key: value for key, value in options.items() if key in accepted})
    return Guard(step) if guard else step


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise UserError(f"unknown kind of target {kind!r}{nearest(kind, KINDS)}")
