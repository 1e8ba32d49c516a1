"""`wince phantom`: synthetic patients as ordinary files."""

from dataclasses import replace
from pathlib import Path

from personalize.phantom.cohort import write_cohort
from personalize.phantom.filming import enlarge
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.scenarios.base import Scenario
from personalize.phantom.worlds import SWITCHES, make_world
from pipelines.progress import progress
from pretrain.errors import UserError, nearest


def write_phantoms(
    scenario: str,
    out: Path,
    *,
    participants: int | None = None,
    recordings: int | None = None,
    seconds: float | None = None,
    fps: int | None = None,
    pixels: int | None = None,
    seed: int = 0,
    world: str = "",
    full: bool = False,
    layout: str = "cohort",
    ratings: bool = True,
    group: str | None = None,
) -> int:
    """Writes a scenario's cohort, in its default size unless told otherwise; returns the exit code.

    `fps` and `pixels` (the side of a picture) are what is filmed, not who and what happens.
    With `group` everybody is of that group, and the cohort is called after it.
    """
    chosen = SCENARIOS[scenario] if group is None else of_group(SCENARIOS[scenario], group)
    if layout == "unbc" and scenario != "shoulder":
        raise UserError(f"--layout unbc is for scenario 'shoulder', not {scenario!r}")
    if layout == "unbc" and not ratings:
        raise UserError("--layout unbc has its ratings in it; leave out --unlabelled")
    size = chosen.full if full else chosen.default
    extent = enlarge(size, participants=participants, recordings=recordings, seconds=seconds, fps=fps, size=pixels)
    rules = make_world(world, chosen.worlds, scenario)
    total = extent.participants * extent.recordings
    with progress("phantom", total) as meter:
        write_cohort(
            out,
            scenario=chosen,
            extent=extent,
            seed=seed,
            world=rules,
            ratings=ratings,
            layout=layout,
            progress=lambda done, _: meter.update(done),
        )
    print(f"{extent.participants} participants, {total} recordings, {extent.fps} frames a second: {out}")
    return 0


def of_group(scenario: Scenario, group: str) -> Scenario:
    """The scenario with people of one of its groups only; `UserError` where it has no such group."""
    groups = {each.name: each for each in scenario.groups if each.name}
    if group not in groups:
        raise UserError(f"scenario {scenario.name!r} has no group {group!r}{nearest(group, groups)}")
    return replace(scenario, name=f"{scenario.name}, {group}", groups=(groups[group],))


def list_scenarios() -> int:
    """Prints scenarios with their sizes, and worlds with what they do and where; returns the exit code."""
    print("scenarios (participants x recordings; --seconds is the longest stretch of what the scenario prolongs)")
    for s in SCENARIOS.values():
        sizes = (f"{e.participants} x {e.recordings}, {e.seconds:g} s, {e.fps} fps" for e in (s.default, s.full))
        print(f"  {s.name:<14}{s.summary}\n{'':<16}{' (--full: '.join(sizes)})")
    print("\nworlds (--world NAME[,NAME]), with the systems of the review whose claims they decide")
    for name, switch in SWITCHES.items():
        missing = [s.name for s in SCENARIOS.values() if name not in s.worlds]
        only = "" if not missing else f"; only {', '.join(s for s in SCENARIOS if s not in missing)}"
        print(f"  {name:<17}{switch.text} [{', '.join(map(str, switch.systems))}]{only}")
    return 0
