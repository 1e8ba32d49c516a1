"""The protocols by name, for configs."""

import inspect
from typing import Any

from personalize.protocols.base import Protocol
from personalize.protocols.leaky import Mixed, RandomFrame, RandomWindow
from personalize.protocols.people import External, FixedSplit, GroupKFold, Loso
from personalize.protocols.personal import Blocked, KShot, Session
from pretrain.errors import UserError, nearest

PROTOCOLS: dict[str, type[Protocol]] = {
    kind.name: kind
    for kind in (Loso, GroupKFold, FixedSplit, External, KShot, Blocked, Session, RandomFrame, RandomWindow, Mixed)
}
"""Honest ones first; those with `leaky` mark every number."""


def make_protocol(name: str, **options: Any) -> Protocol:
    """The protocol of this name; `people`, where it has one, may be a name too.

    Raises `UserError` for an unknown name or option, with the nearest right one, or for an option that is missing.

    >>> make_protocol("k_shot", k=3, people="group_kfold").people.n_splits
    5
    """
    if name not in PROTOCOLS:
        raise UserError(f"unknown protocol {name!r}{nearest(name, PROTOCOLS)}")
    kind = PROTOCOLS[name]
    known = inspect.signature(kind).parameters
    for option in options:
        if option not in known:
            raise UserError(f"protocol {name!r} has no option {option!r}{nearest(option, known)}")
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise UserError(f"protocol {name!r} needs the option {option!r}")
    if isinstance(options.get("people"), str):
        options = {**options, "people": make_protocol(options["people"])}
    return kind(**options)
