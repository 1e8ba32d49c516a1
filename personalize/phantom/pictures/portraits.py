"""Portraits of people of every kind, each in a pose, light and expression of its own, cut out of their background."""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from personalize.phantom.face.camera import NO_COVERS, sample_camera
from personalize.phantom.face.landmarks import annotate
from personalize.phantom.face.looks import Demographics, sample_looks
from personalize.phantom.face.parameters import INDEX, MAXIMUM, MUSCLES, Covers, Face, Looks, View
from personalize.phantom.face.render import render

SCALE, HEIGHT = 0.56, 0.10
"""Size of the head in its picture and how far above the middle it is, as in `View`: hair and shoulders are in sight."""
BT601 = np.array([0.299, 0.587, 0.114], np.float32)


class CutOuts(NamedTuple):
    """Grey portraits without background. Whoever lays one over a background b shows `shade + (1 - cover) * b`."""

    shade: UInt8[np.ndarray, "n size size"]
    cover: UInt8[np.ndarray, "n size size"]
    """0 where the background is seen, 255 where it is not."""
    points: Float32[np.ndarray, "n 70 2"]
    """68 landmarks, then the pupils, as in `Annotations`."""
    visible: Bool[np.ndarray, "n 70"]


def sample_portraits(seed: int, count: int, start: int = 0) -> tuple[Face, list[Demographics]]:
    """Portraits number `start` to `start + count` of the endless row of this seed, no two of one person."""
    faces, people = zip(
        *(_portrait(np.random.default_rng([seed, n]), n) for n in range(start, start + count)), strict=True
    )
    return jax.tree.map(lambda *leaves: np.stack(leaves), *faces), list(people)


def cut_out(faces: Face, size: int, seed: int) -> CutOuts:
    """Renders portraits and cuts them out. Grey is mixed from the colours in another way for each, as by cameras that
    see other parts of the spectrum."""
    rng = np.random.default_rng([seed, 1])
    black, grey = (_before(faces, size, shade) for shade in (0.0, 0.5))
    mix = np.where(rng.uniform(size=(len(black), 1)) < 0.5, BT601, rng.dirichlet([1.5, 2.0, 1.0], len(black)))
    dark, light = (np.einsum("nyxc,nc->nyx", p, mix.astype(np.float32)) for p in (black, grey))
    seen = np.clip(light - dark, 0, None)
    cover = 1 - seen / np.maximum(seen.max((1, 2), keepdims=True), 1)
    notes = annotate(faces, size)
    points = np.concatenate([notes.landmarks, notes.pupils], 1).astype(np.float32)
    # What is left of the darkest background in pictures with flat black is the camera's black level, not the person.
    shade = np.clip(dark * (cover > 0.02), 0, 255)
    return CutOuts(np.rint(shade).astype(np.uint8), np.rint(255 * cover).astype(np.uint8), points, notes.visible)


def _before(faces: Face, size: int, shade: float) -> UInt8[np.ndarray, "n size size 3"]:
    still = faces.scene._replace(
        background=np.full_like(faces.scene.background, shade),
        noise=np.zeros_like(faces.scene.noise),
        blur=np.zeros_like(faces.scene.blur),
    )
    return render(faces._replace(scene=still), size)


def _portrait(rng: np.random.Generator, number: int) -> tuple[Face, Demographics]:
    looks, about = sample_looks(rng, ages=(16, 95), lines=rng.uniform(0.5, 1.3))
    looks = _stranger(looks, rng)
    camera = sample_camera(rng, looks.skin)
    view = View(
        yaw=np.float32(np.radians(_bell(rng, 20, 50))),
        pitch=np.float32(np.radians(_bell(rng, 11, 32))),
        roll=np.float32(np.radians(_bell(rng, 8, 25))),
        x=np.float32(0),
        y=np.float32(HEIGHT),
        scale=np.float32(SCALE),
        # Far to the side and each eye by itself: a net must look for the iris, not for the middle of the eye.
        gaze_x=np.float32(_bell(rng, 1.2, 2.3)),
        gaze_y=np.float32(_bell(rng, 0.6, 1.3)),
        vergence=np.float32(_bell(rng, 0.45, 1.2)),
    )
    light = np.array([rng.normal() * 0.9, rng.normal() * 0.6 + 0.4, 1.0], np.float32)
    scene = camera.scene._replace(
        light=light,
        ambient=np.float32(rng.uniform(0.2, 0.7)),
        exposure=np.float32(camera.scene.exposure * np.exp(rng.normal() * 0.3)),
        glints=np.stack([_glint(rng, 0.85), _glint(rng, 0.4)]),
    )
    shown, uneven = _expression(rng)
    return Face(looks, shown, uneven, view, scene, _covers(rng), np.int32(number)), about


def _glint(rng: np.random.Generator, chance: float) -> Float32[np.ndarray, "4"]:
    """A lamp, a ring of them or a window anywhere in the eye, small or large; a row of `Scene.glints`."""
    right, up = rng.normal() * 0.4, rng.normal() * 0.4 + 0.15
    radius, strength = np.exp(rng.uniform(np.log(0.12), np.log(0.7))), rng.uniform(0.3, 1)
    return np.array([right, up, radius, strength * (rng.uniform() < chance)], np.float32)


def _bell(rng: np.random.Generator, spread: float | int, limit: float | int) -> float:
    return float(np.clip(rng.normal() * spread, -limit, limit))


def _stranger(looks: Looks, rng: np.random.Generator) -> Looks:
    """Features further apart than those of patients, so that no net can lean on the average phantom's proportions."""
    factors = {"head_width": 0.07, "eye_size": 0.13, "eye_spacing": 0.07, "nose_length": 0.10, "nose_width": 0.14}
    factors |= {"mouth_width": 0.10, "lip_thickness": 0.25, "brow_thickness": 0.25}
    wide = {name: getattr(looks, name) * np.float32(np.exp(rng.normal() * s)) for name, s in factors.items()}
    # The average phantom's nose is longer, its eyes are larger and its head is wider than people's: the eye is 0.51 and
    # the head 2.4 times as wide as the pupils are apart, against about 0.45 and 2.15.
    wide["nose_length"] *= np.float32(0.95)
    wide["eye_size"] *= np.float32(0.88)
    wide["head_width"] *= np.float32(0.93)
    # Eyes of every contrast: what is dark in an eye may be the pupil alone, the iris or most of all the lashes.
    tint = rng.uniform(0.1, 0.7) * (1 + 0.15 * rng.normal(size=3))
    made_up = rng.uniform() < 0.3
    bearded = rng.uniform() < 0.25
    return looks._replace(
        **wide,
        iris=np.clip(tint, 0.03, 0.9).astype(np.float32) if rng.uniform() < 0.5 else looks.iris,
        sclera=np.float32(rng.uniform(0.5, 1.4)),
        lashes=np.float32(rng.uniform(1.1, 2.2) if made_up else rng.uniform(0.4, 1.3)),
        brow_height=looks.brow_height + np.float32(rng.normal() * 0.02),
        beard=np.float32(rng.uniform(0.3, 1)) if bearded else looks.beard,
        glasses=np.float32(rng.uniform() < 0.3),
    )


def _expression(rng: np.random.Generator) -> tuple[Float32[np.ndarray, "m"], Float32[np.ndarray, "m"]]:
    """Anything from rest to a grimace: a few muscles at random, often smiling, speaking or with shut eyes."""
    shown = np.zeros(len(MUSCLES), np.float32)
    active = rng.uniform(size=len(MUSCLES)) < rng.choice([0.0, 0.15, 0.4])
    shown[active] = (rng.beta(1.2, 1.6, active.sum()) * MAXIMUM[active]).astype(np.float32)
    smile = rng.uniform() < 0.25
    if smile:
        shown[INDEX["AU12"]], shown[INDEX["AU06"]] = rng.uniform(1, 5), rng.uniform(0, 4)
    if rng.uniform() < (0.6 if smile else 0.35):
        shown[INDEX["mouth"]] = rng.beta(1, 2.5)
    lids = rng.uniform()
    shown[INDEX["lids"]] = 1.0 if lids < 0.10 else rng.beta(1, 4) if lids < 0.5 else 0.0
    return shown, (0.25 * rng.normal(size=len(MUSCLES))).clip(-0.6, 0.6).astype(np.float32)


def _covers(rng: np.random.Generator) -> Covers:
    kind = rng.choice(
        ["none", "oxygen_mask", "tube", "hand", "blanket", "pillow"], p=[0.72, 0.05, 0.04, 0.06, 0.04, 0.09]
    )
    if kind == "none":
        return NO_COVERS
    amount = {"hand": rng.uniform(0.2, 1), "blanket": rng.uniform(0.1, 0.9)}.get(str(kind), 1.0)
    worn = NO_COVERS._replace(**{str(kind): np.float32(amount)})
    if kind == "hand":
        return worn._replace(hand_side=np.float32(rng.choice([-1, 1])))
    return worn._replace(pillow=np.float32(1)) if kind == "blanket" and rng.uniform() < 0.7 else worn
