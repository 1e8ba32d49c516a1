"""Films phantom people by a scenario: who they are, what they do, and the faces to render, recording by recording."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from personalize.phantom.face.camera import Camera, sample_camera
from personalize.phantom.face.parameters import Face
from personalize.phantom.patient.course import faces, make_course
from personalize.phantom.patient.people import Person, sample_person
from personalize.phantom.patient.raters import EXACT, Observer, sample_observer
from personalize.phantom.scenarios.base import Extent, Group, Recording, Scenario
from personalize.phantom.stories import tell
from personalize.phantom.worlds import World


class Member(NamedTuple):
    """A participant of a cohort."""

    number: int
    group: Group
    person: Person

    @property
    def name(self) -> str:
        """The pseudonym."""
        return f"sub-P{self.number:03d}"


class Take(NamedTuple):
    """A recording, what to render for it, and randomness for its ratings and signals."""

    member: Member
    recording: Recording
    camera: Camera
    faces: Face
    rng: np.random.Generator

    @property
    def stem(self) -> str:
        """Path of its files without their kind, relative to the cohort."""
        name, session = self.member.name, f"ses-{self.recording.plan.session}"
        return f"{name}/{session}/{name}_{session}"


def cast(scenario: Scenario, world: World, seed: int, first: int, participants: int) -> list[Member]:
    """The participants, who depend on the seed and their number alone; groups take turns."""
    members = []
    for number in range(first, first + participants):
        group = scenario.groups[(number - 1) % len(scenario.groups)]
        if not world.shift:
            group = scenario.groups[-1]._replace(name=group.name)
        members.append(Member(number, group, sample_person([seed, number], group.people(world.people))))
    return members


def observers(scenario: Scenario, world: World, seed: int) -> tuple[Observer, ...]:
    """The cohort's observers; exact ones where everybody rates alike."""
    rng = np.random.default_rng([seed, 0, 1])
    found = [sample_observer(rng) for _ in range(scenario.observers)]
    return tuple(EXACT if world.people.rating_noise == 0 else observer for observer in found)


def takes(scenario: Scenario, world: World, extent: Extent, member: Member, seed: int) -> Iterator[Take]:
    """All recordings of a participant, in order."""
    person = member.person
    protocol = np.random.default_rng([seed, member.number, 0])
    level = float(protocol.uniform())
    for plan in scenario.plans(protocol, extent):
        rng = np.random.default_rng([seed, member.number, int(plan.session)])
        story_rng, course_rng, rating_rng = rng.spawn(3)
        plan = tell(plan, world, level, story_rng)
        camera = _camera(world, member, plan.set_up, rng, seed)
        course = make_course(person, camera, plan, course_rng)
        yield Take(
            member,
            Recording(person, course),
            camera,
            faces(person.looks, camera, course, int(rng.integers(2**20))),
            rating_rng,
        )


def _camera(world: World, member: Member, set_up: int, rng: np.random.Generator, seed: int) -> Camera:
    if world.cameras == "own":
        camera = sample_camera(rng, member.person.looks.skin)
    elif world.cameras == "shared":
        camera = sample_camera(np.random.default_rng([seed, 0, 2 + set_up]), member.person.looks.skin)
    else:
        camera = sample_camera(rng, member.person.looks.skin, variety=0.0)
    scene = camera.scene._replace(exposure=np.float32(camera.scene.exposure * member.group.dim))
    camera = camera._replace(scene=scene)
    in_bed = np.random.default_rng([seed, member.number, 10**6]).uniform() < member.group.in_bed
    return _lying(camera, rng) if in_bed else camera


def _lying(camera: Camera, rng: np.random.Generator) -> Camera:
    """The same set-up over a bed: head on a pillow, somewhat turned, blanket drawn up."""
    covers = camera.covers._replace(pillow=np.float32(1), blanket=np.float32(rng.uniform(0, 0.35)))
    return camera._replace(covers=covers, roll=camera.roll + np.radians(rng.normal(0, 10)))


def enlarge(extent: Extent, **changes: float | int | None) -> Extent:
    """The extent with those changes that are not None."""
    return replace(extent, **{key: value for key, value in changes.items() if value is not None})
