"""Phantom recordings for tests, filmed without rendering a picture."""

from personalize.phantom.filming import Member, Take, cast, enlarge, takes
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.worlds import World, make_world


def film(scenario: str = "episodes", switches: str = "", people: int = 20, seed: int = 5, **extent) -> list[Take]:
    """All recordings of some people in a world."""
    chosen, world = SCENARIOS[scenario], _world(scenario, switches)
    size = enlarge(chosen.default, participants=people, **extent)
    return [
        take
        for member in members(scenario, switches, people, seed)
        for take in takes(chosen, world, size, member, seed)
    ]


def members(scenario: str, switches: str, people: int, seed: int = 5) -> list[Member]:
    """These people, without a film of them."""
    return cast(SCENARIOS[scenario], _world(scenario, switches), seed, 1, people)


def _world(scenario: str, switches: str) -> World:
    return make_world(switches, SCENARIOS[scenario].worlds, scenario)
