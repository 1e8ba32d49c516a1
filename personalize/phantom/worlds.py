"""Switches that make a claim of the re-run systems true or false in the synthetic world, each by one known cause."""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from personalize.phantom.patient.people import SPREADS, VARIED, PeopleConfig
from pretrain.errors import UserError, nearest


@dataclass(frozen=True)
class World:
    """The rules that a cohort is made by."""

    people: PeopleConfig = VARIED
    cameras: Literal["own", "one", "shared"] = "own"
    """Every recording its own camera; one for all; or one for each set-up, whoever is filmed."""
    story: Literal["natural", "clock", "level", "held", "tempo", "pairs", "split"] = "natural"
    """What pain and expression do over time: see `stories.py`."""
    contamination: float = 0.0
    """Probability that the neutral moment of a recording holds pain."""
    signals: Literal["pain", "time"] = "pain"
    """What muscle and skin signals rise with."""
    shift: bool = True
    """Whether groups of a cohort differ in more than their diagnosis."""


NATURAL = World()
"""People as they are."""


class Switch(NamedTuple):
    """A named change of the world."""

    text: str
    systems: tuple[int, ...]
    """Systems of the review whose claim it decides."""
    changes: dict[str, Any]
    people: dict[str, Any]
    """Changes of `World.people`."""


SWITCHES = {
    "alike": Switch(
        "one signature, resting face, camera and rating habit for all: a personal model gains nothing",
        (29, 36),
        {"cameras": "one", "shift": False},
        dict.fromkeys(SPREADS, 0.0),
    ),
    "rest-alike": Switch(
        "nobody has a resting tone or lines of age: a neutral reference gains little",
        (36,),
        {},
        {"resting": 0.0, "lines": 0.0},
    ),
    "contamination": Switch(
        "contamination=P: the neutral moment holds pain with probability P (0.1, 0.3 ...)", (36,), {}, {}
    ),
    "no-shift": Switch("the groups of the cohort differ in name only", (36,), {"shift": False}, {}),
    "clock": Switch(
        "ratings follow the elapsed time, the face does not: who knows the time needs no face",
        (29, 32),
        {"story": "clock"},
        {},
    ),
    "level": Switch(
        "pain differs between people and hardly within them: who knows the person needs no expression",
        (18,),
        {"story": "level"},
        {},
    ),
    "camera-tells": Switch(
        "recordings with and without pain are filmed by two cameras: who knows the camera needs no face",
        (23,),
        {"story": "split", "cameras": "shared"},
        {},
    ),
    "stone-face": Switch("nobody shows pain: action units carry nothing", (23, 26), {}, {"strength": 0.0}),
    "no-dynamics": Switch(
        "expression is held for as long as pain is: a sequence tells no more than a frame",
        (18, 29),
        {"story": "held"},
        {},
    ),
    "dynamics-only": Switch(
        "with and without pain faces look alike, but move slowly or fast: a frame tells nothing",
        (18, 29),
        {"story": "tempo"},
        {},
    ),
    "pairs": Switch(
        "brows and upper lip move together in pain and apart without: single action units tell nothing",
        (26,),
        {"story": "pairs"},
        {},
    ),
    "signals-by-time": Switch(
        "muscle and skin signals rise with time and not with pain", (32,), {"signals": "time"}, {}
    ),
}


def make_world(names: str, allowed: tuple[str, ...], scenario: str) -> World:
    """The world of some switches, such as `alike` or `clock,contamination=0.3`; "" for the natural one.

    Raises `UserError` for names that are unknown or not of this scenario, values that are wrong, and switches that
    contradict each other.
    """
    world, set_by = NATURAL, {}
    for word in filter(None, (w.strip() for w in names.split(","))):
        name, equals, value = word.partition("=")
        if name not in allowed:
            raise UserError(f"scenario {scenario!r} has no world {name!r}{nearest(name, allowed)}")
        changes, people = dict(SWITCHES[name].changes), SWITCHES[name].people
        if name == "contamination":
            changes["contamination"] = _share(value)
        elif equals:
            raise UserError(f"world {name!r} takes no value, got {word!r}")
        for key, setting in [*changes.items(), *people.items()]:
            other, before = set_by.setdefault(key, (name, setting))
            if before != setting:
                raise UserError(f"worlds {other!r} and {name!r} contradict each other in {key!r}; choose one")
        world = replace(world, people=replace(world.people, **people), **changes)
    return world


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(f"contamination needs a probability, such as contamination=0.3; got {text!r}")
    return value
