"""What happens in a recording, frame by frame: pain and its expression, and all that a face does without pain."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from personalize.phantom.face.camera import Camera
from personalize.phantom.face.facs import facs, pspi
from personalize.phantom.face.parameters import INDEX, MAXIMUM, Face, Looks, View
from personalize.phantom.patient.behaviour import behave, look_about
from personalize.phantom.patient.expression import MuscleTrack, pain_expression, tone
from personalize.phantom.patient.people import Person
from personalize.phantom.plan import Plan, Track

AuTrack = Float[np.ndarray, "n 19"]


class Course(NamedTuple):
    """A recording frame by frame."""

    plan: Plan
    muscles: MuscleTrack
    """What the face shows, resting tone and blinks included."""
    asymmetry: MuscleTrack
    """By how large a share each muscle is stronger on the subject's left side."""
    aus: AuTrack
    """What is shown beyond the resting tone, unrounded; columns `facs.AUS`."""
    pspi: Track
    """Of `aus`."""
    view: View
    """Every leaf has one value per frame."""
    hand: Track
    """How far a hand has come over the lower face, 0-1."""


def make_course(person: Person, camera: Camera, plan: Plan, rng: np.random.Generator) -> Course:
    """The course of one recording by a person of a plan."""
    parts = rng.spawn(4)
    pain = pain_expression(plan, person.signature, parts[0])
    behaviour = behave(plan, parts[1])
    rest = tone(plan, person.signature, parts[2])
    shown = np.clip(rest + pain + behaviour.muscles, 0, MAXIMUM)
    lids = INDEX["lids"]
    shown[:, lids] = np.maximum(shown[:, lids], behaviour.blink)
    aus = facs(_beyond(shown, person.signature.rest), 1 / plan.step)
    lopsided = np.clip(person.signature.asymmetry + behaviour.lopsided, -1, 1)
    return Course(plan, shown, lopsided, aus, pspi(aus), look_about(plan, camera, parts[3]), behaviour.hand)


def coded(course: Course) -> AuTrack:
    """The action units as a FACS coder writes them down: whole intensities beyond the resting tone."""
    return np.floor(course.aus + 0.5)


def faces(looks: Looks, camera: Camera, course: Course, seed: int) -> Face:
    """What to render for a course: a batch with one face per frame."""
    n = len(course.plan.time)
    rng = np.random.default_rng(seed)
    flicker = camera.flicker * np.sin(2 * np.pi * (rng.uniform(0.2, 4) * course.plan.time + rng.uniform()))
    scene, covers, person = (_every_frame(part, n) for part in (camera.scene, camera.covers, looks))
    return Face(
        looks=person,
        muscles=course.muscles.astype(np.float32),
        asymmetry=course.asymmetry.astype(np.float32),
        view=View(*(leaf.astype(np.float32) for leaf in course.view)),
        scene=scene._replace(exposure=(scene.exposure * (1 + flicker)).astype(np.float32)),
        covers=covers._replace(hand=np.maximum(covers.hand, course.hand).astype(np.float32)),
        seed=np.arange(n, dtype=np.int32) + np.int32(seed % 2**20) * np.int32(1000),
    )


def _beyond(shown: MuscleTrack, rest: Float[np.ndarray, "16"]) -> MuscleTrack:
    """Muscles beyond the resting tone; lids are open or shut whatever they are at rest."""
    out = np.maximum(shown - rest, 0)
    out[:, INDEX["lids"]] = shown[:, INDEX["lids"]]
    return out


def _every_frame(part: Any, n: int) -> Any:
    """The same named tuple of numbers and vectors for each of `n` frames."""
    return type(part)(*(np.broadcast_to(np.asarray(leaf, np.float32), (n, *np.shape(leaf))) for leaf in part))
