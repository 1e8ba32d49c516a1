"""Phantom recordings for tests, filmed without rendering a picture."""

from personalize.phantom.filming import Take, cast, enlarge, takes
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.worlds import make_world


def film(scenario: str = "episodes", switches: str = "", people: int = 20, seed: int = 5, **extent) -> list[Take]:
    """All recordings of some people in a world."""
    chosen = SCENARIOS[scenario]
    world = make_world(switches, chosen.worlds, scenario)
    size = enlarge(chosen.default, participants=people, **extent)
    members = cast(chosen, world, seed, 1, size.participants)
    return [take for member in members for take in takes(chosen, world, size, member, seed)]
