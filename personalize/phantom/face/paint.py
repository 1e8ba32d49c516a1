"""Colours of a phantom's head: skin and its shades, light, and the camera's response."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from personalize.phantom.face import hair
from personalize.phantom.face.color import Color, linear, mix, times
from personalize.phantom.face.features import Layers
from personalize.phantom.face.geometry import Skull, Surface, between, bump, line, wave
from personalize.phantom.face.hair import HALF_WIDTH, Worn
from personalize.phantom.face.parameters import Face, Looks, Scene
from personalize.phantom.face.rig import Rig

BLUR_REACH = 0.025
"""Reach of the blur's kernel as a share of the picture's side: good for `Scene.blur` up to about 0.012."""


class Lit(NamedTuple):
    """Light on each pixel."""

    key: Array
    """From the lamp."""
    sky: Array
    """From everywhere."""
    gloss: Array


class Skin(NamedTuple):
    """What colours the skin, besides features and light."""

    shade: Array
    """Darkening by folds, hollows and mottling."""
    blush: Array
    scar: Array
    beard: Array


def skull(looks: Looks, drop: Array) -> Skull:
    """Proportions of a person's head."""
    return Skull(HALF_WIDTH * looks.head_width, looks.jaw, drop)


def relief_normal(head: Surface, turn: Array, height: Array, pixel: Array) -> Color:
    """Unit normals in camera coordinates after raising the surface by `height`."""
    nx, ny, nz = (sum(turn[i, j] * head.normal[j] for j in range(3)) for i in range(3))
    fade = jnp.clip(1.6 * nz, 0, 1) / (2 * pixel)
    padded = jnp.pad(height, 1, mode="edge")
    gx = (padded[1:-1, 2:] - padded[1:-1, :-2]) * fade
    gy = (padded[:-2, 1:-1] - padded[2:, 1:-1]) * fade
    nx, ny = nx - jnp.clip(gx, -1.1, 1.1), ny - jnp.clip(gy, -1.1, 1.1)
    scale = 1 / jnp.sqrt(nx * nx + ny * ny + nz * nz)
    return nx * scale, ny * scale, nz * scale


def lighting(scene: Scene, normal: Color) -> Lit:
    """Lamp (wrapped Lambert), sky and Blinn gloss."""
    direction = _unit(scene.light)
    half = _unit(direction + jnp.array([0.0, 0.0, 1.0]))
    lambert, shine = (sum(d[i] * normal[i] for i in range(3)) for d in (direction, half))
    s = jnp.maximum(shine, 0) ** 2
    s = s * s
    return Lit(jnp.maximum(lambert * 0.80 + 0.20, 0), 0.80 + 0.20 * normal[1], s * s * s)


def skin(face: Face, shapes: Rig, at: tuple[Array, Array], fold: Array) -> Skin:
    """What colours the skin at face coordinates `at`."""
    u, v = at
    x = jnp.abs(u)
    cheeks = bump(((x - 0.36) / 0.24) ** 2 + ((v + 0.29) / 0.22) ** 2)
    return Skin(
        shade=_shade(face, shapes, u, v, fold),
        blush=cheeks + bump((x / 0.14) ** 2 + ((v - shapes.nose[1]) / 0.14) ** 2),
        scar=_scar(face.looks, u, v),
        beard=hair.beard(face.looks, shapes, u, v),
    )


def _shade(face: Face, shapes: Rig, u: Array, v: Array, fold: Array) -> Array:
    looks, side = face.looks, face.scene.light[0]
    x = jnp.abs(u)
    nostril_y, mouth_y = shapes.nose[0], shapes.mouth[0]
    blotch = wave(9 * u + looks.texture + 2 * wave(5 * v)) * wave(8 * v + 2 * looks.texture + 2 * wave(6 * u))
    fine = wave(41 * u + 3 * wave(17 * v)) * wave(37 * v + 3 * wave(19 * u + looks.texture))
    spots = jnp.maximum(blotch * fine - 0.40, 0) * looks.age
    mottle = 1 + (0.04 + 0.03 * looks.age) * blotch + 0.015 * fine - 0.4 * spots
    hollow = bump(((x - shapes.eye[0]) / 0.20) ** 2 + ((v - shapes.eye[1] - 0.02) / 0.13) ** 2)
    ring = bump(((x - shapes.eye[0] + 0.03) / 0.14) ** 2 + ((v - shapes.eye[1] + 0.075) / 0.07) ** 2)
    under_nose = bump(((u + 0.07 * side) / 0.15) ** 2 + ((v - nostril_y + 0.055) / 0.075) ** 2)
    under_lip = bump((x / 0.17) ** 2 + ((v - mouth_y + shapes.gap[1] + shapes.lips[1] + 0.045) / 0.055) ** 2)
    shadow = 0.30 * hollow + (0.16 + 0.14 * looks.age) * ring + 0.34 * under_nose + 0.24 * under_lip
    return mottle * (1 - shadow) * (1 - 0.50 * jnp.clip(fold, 0, 1.2))


def _scar(looks: Looks, u: Array, v: Array) -> Array:
    strength, x, y, direction = (looks.scar[i] for i in range(4))
    c, s = jnp.cos(direction), jnp.sin(direction)
    along, across = c * (u - x) + s * (v - y), c * (v - y) - s * (u - x)
    return strength * line(across + 0.8 * along * along, 0.035) * between(along, -0.16, 0.16, 0.08)


def head_color(face: Face, lit: Lit, drawn: Layers, over: Skin, worn: Worn) -> Color:
    """The head in the light."""
    looks, scene = face.looks, face.scene
    own, lamp, tresses = linear(looks.skin), linear(scene.light_color), linear(looks.hair)
    pink = (0.0, 0.13, 0.12)
    flesh: Color = tuple(s * over.shade * (1 - k * over.blush) for s, k in zip(own, pink, strict=True))  # type: ignore[assignment]
    flesh = mix(flesh, (own[0] * 0.95, own[1] * 0.58, own[2] * 0.58), 0.9 * over.scar)
    flesh = mix(flesh, times(tresses, 0.8), over.beard)
    albedo = mix(_draw(looks, flesh, drawn), times(tresses, 0.55 + 0.50 * worn.strand), worn.scalp)
    shine = (0.07 + 0.05 * worn.scalp * worn.strand) * lit.gloss * (1 - 0.6 * drawn.cavity)
    power = 1.15 * (1 - scene.ambient)
    color = tuple(
        a * (power * lit.key * lamp[i] + scene.ambient * lit.sky) + (shine + worn.glare) * lamp[i]
        for i, a in enumerate(albedo)
    )
    wire = 1 - looks.frames
    frame = (0.02 + 0.10 * wire, 0.02 + 0.08 * wire, 0.025 + 0.05 * wire)
    return mix(color, frame, 0.92 * worn.frame)  # type: ignore[arg-type]


def _draw(looks: Looks, skin: Color, drawn: Layers) -> Color:
    own, tresses = linear(looks.skin), linear(looks.hair)
    brow = tuple(0.70 * jnp.minimum(h, 0.40 * s) for h, s in zip(tresses, own, strict=True))
    color = times(skin, 1 - 0.6 * drawn.crease)
    lip = times((own[0] * 0.78 + 0.01, own[1] * 0.46, own[2] * 0.50), 1.06 - drawn.lip_shade)
    color = mix(color, lip, 0.85 * drawn.lips)
    color = times(color, 1 - 0.75 * drawn.crease * drawn.lips)
    color = mix(color, (0.055, 0.012, 0.012), drawn.cavity)
    color = mix(color, (0.35, 0.10, 0.09), 0.8 * drawn.tongue)
    color = mix(color, (0.52, 0.49, 0.42), drawn.teeth)
    color = mix(color, times(skin, 0.15), drawn.nostril)
    color = mix(color, times((0.40, 0.375, 0.36), looks.sclera * (0.5 + 0.6 * own[0])), drawn.sclera)
    color = mix(color, linear(looks.iris), drawn.iris)
    color = mix(color, (0.008, 0.008, 0.01), drawn.pupil)
    color = times(color, 1 - 0.55 * drawn.lid_shadow)
    color = mix(color, (0.95, 0.95, 0.95), 0.9 * drawn.glint)
    color = mix(color, times(skin, 0.10), 0.9 * drawn.lash)
    return mix(color, brow, 0.88 * drawn.brow)


def compose(looks: Looks, behind: Color, worn: Worn, head: Color, cover: Array) -> Color:
    """The head and its hair before what lies behind them."""
    return mix(mix(behind, times(linear(looks.hair), 0.34 + 0.38 * worn.strand), worn.mane), head, cover)


def blur(color: Array, scene: Scene) -> Array:
    """Gaussian blur by `Scene.blur` of channels (first axis) in linear light; the very same picture where it is 0."""
    size = color.shape[-1]
    reach = max(2, round(BLUR_REACH * size))
    sigma = jnp.maximum(scene.blur * size, 1e-3)
    weights = [jnp.exp(-0.5 * (k / sigma) ** 2) for k in range(reach + 1)]
    total = weights[0] + 2 * sum(weights[1:])
    for axis in (1, 2):
        pad = [(0, 0), (0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        padded = jnp.pad(color, pad, mode="edge")
        shifted = [jax.lax.slice_in_dim(padded, k, k + size, axis=axis) for k in range(2 * reach + 1)]
        pairs = [w * (shifted[reach + k] + shifted[reach - k]) for k, w in enumerate(weights[1:], 1)]
        color = (weights[0] * shifted[reach] + sum(pairs)) / total
    return color


def noise(seed: Array, size: int) -> Array:
    """Nearly normal noise of standard deviation 1: sums of four bytes of hashed pixel numbers."""
    n = jnp.arange(size * size, dtype=jnp.uint32) + jnp.uint32(0x9E3779B9) * seed.astype(jnp.uint32)
    n = (n ^ (n >> 16)) * jnp.uint32(0x7FEB352D)
    n = (n ^ (n >> 15)) * jnp.uint32(0x846CA68B)
    n = n ^ (n >> 16)
    total = (n & 255) + ((n >> 8) & 255) + ((n >> 16) & 255) + (n >> 24)
    return ((total.astype(jnp.float32) - 510) / 147.8).reshape(size, size)


def develop(color: Array, face: Face) -> Array:
    """Exposure, tone curve (the square root stands for sRGB's), sensor noise, 8 bit."""
    grain = face.scene.noise * noise(face.seed, color.shape[-1])
    channels = jnp.sqrt(jnp.clip(color * face.scene.exposure, 0, 1)) + grain
    return (jnp.clip(jnp.moveaxis(channels, 0, -1), 0, 1) * 255 + 0.5).astype(jnp.uint8)


def _unit(vector: Array) -> Array:
    return vector / jnp.sqrt(jnp.sum(vector**2))
