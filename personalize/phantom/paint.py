"""Colours of a phantom's picture: skin, hair, light, what is behind the head, and the camera's response.

Colours are mixed as squares of sRGB values, which is near enough to linear light and needs no power function.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from personalize.phantom.features import Layers
from personalize.phantom.geometry import Surface, between, bump, lift, step
from personalize.phantom.parameters import Face, Looks, Scene
from personalize.phantom.rig import Rig

Color = tuple[Array, Array, Array]
HALF_WIDTH = 0.71
"""Of a head of `head_width` 1."""


class Lit(NamedTuple):
    """Light on each pixel."""

    key: Array
    """From the lamp."""
    sky: Array
    """From everywhere."""
    gloss: Array


class Covers(NamedTuple):
    """Coverage or strength of what is not a feature of the face."""

    hair: Array
    """Outside the head's silhouette."""
    scalp: Array
    """Hair on the head itself."""
    strand: Array
    """Light and dark of the hair, 0-1."""
    shade: Array
    """Darkening of the skin by folds, hollows and mottling."""
    blush: Array
    beard: Array
    frame: Array
    """Of the glasses."""
    noise: Array
    """Of the sensor, standard deviation 1."""


def head_shape(looks: Looks, drop: Array) -> tuple[Array, Array, Array]:
    """Half width, jaw and lowering of the chin, as `intersect` wants them."""
    return HALF_WIDTH * looks.head_width, looks.jaw, drop


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
    return Lit(jnp.maximum(lambert * 0.85 + 0.15, 0), 0.80 + 0.20 * normal[1], s * s * s)


def covers(
    face: Face,
    shapes: Rig,
    head: Surface,
    at: tuple[Array, Array],
    fold: Array,
    grid: tuple[Array, Array, Array],
    turn: Array,
) -> Covers:
    """Everything that the colours of a head depend on, besides features and light."""
    looks, (u, v) = face.looks, at
    px, py, pixel = grid
    x = jnp.abs(u)
    swirl = head.x * 26 / (1.25 - 0.5 * head.y) + looks.texture
    strand = 0.5 + 0.5 * jnp.sin(swirl + 2 * jnp.sin(3 * head.y + looks.texture)) * jnp.cos(0.37 * swirl)
    blush = bump(((x - 0.38) / 0.25) ** 2 + ((v + 0.27) / 0.22) ** 2)
    return Covers(
        hair=_hair(looks, (px, py), turn, pixel),
        scalp=_scalp(looks, head),
        strand=strand,
        shade=_shade(looks, shapes, u, v, fold),
        blush=blush + bump((x / 0.14) ** 2 + ((v + 0.27) / 0.15) ** 2),
        beard=_beard(looks, shapes, u, v),
        frame=_glasses(looks, shapes, head, 1.2 * pixel),
        noise=_noise(face.seed, px.shape[0]),
    )


def _shade(looks: Looks, shapes: Rig, u: Array, v: Array, fold: Array) -> Array:
    x = jnp.abs(u)
    mottle = 1 + 0.05 * jnp.sin(9 * u + looks.texture) * jnp.sin(8 * v + 2 * looks.texture)
    hollow = bump(((x - shapes.eye[0]) / 0.20) ** 2 + ((v - shapes.eye[1] + 0.03) / 0.15) ** 2)
    return mottle * (1 - 0.36 * hollow) * (1 - 0.50 * jnp.clip(fold, 0, 1.2))


def _beard(looks: Looks, shapes: Rig, u: Array, v: Array) -> Array:
    x, mouth_y = jnp.abs(u), shapes.mouth[0]
    jaw = step(-0.30, -0.52, v + 0.16 * step(0.35, 0.6, x))
    jaw = jaw * step(0.035, 0.06, 0.6 * x * x + (v - mouth_y - 0.01) ** 2)
    upper = bump((x / 0.27) ** 2 + ((v - mouth_y - 0.125) / 0.055) ** 2)
    grain = 0.9 + 0.1 * jnp.sin(61 * u + 3 * jnp.sin(23 * v)) * jnp.sin(57 * v + 3 * jnp.sin(19 * u))
    return looks.beard * jnp.clip(jaw + upper, 0, 1) * grain * 0.85


def _glasses(looks: Looks, shapes: Rig, head: Surface, soft: Array) -> Array:
    u, v = lift(head, 0.12)
    x, eye_x = jnp.abs(u), shapes.eye[0]
    q = jnp.sqrt(((x - eye_x - 0.01) / 1.15) ** 2 + (v - 0.01) ** 2 + 1e-6)
    ring = jnp.clip((0.013 - jnp.abs(q - 0.178)) / soft + 0.5, 0, 1)
    bridge = between(v, 0.04, 0.07, soft) * between(x, -1, eye_x - 0.19, soft)
    arm = between(v, 0.04, 0.07, soft) * between(x, eye_x + 0.215, 2, soft)
    return jnp.maximum(ring, jnp.maximum(bridge, arm)) * looks.glasses * (head.z > 0)


def _hair(looks: Looks, p: tuple[Array, Array], turn: Array, pixel: Array) -> Array:
    """Coverage of the hair that stands out behind the head: a larger ellipse in the plane of the picture."""
    volume = 1.03 + 0.06 * looks.hair_length
    up = turn[:, 1]
    cx, cy = p[0] - 0.05 * up[0], p[1] - 0.05 * up[1]
    along, across = cx * up[0] + cy * up[1], cx * up[1] - cy * up[0]
    width = HALF_WIDTH * looks.head_width * volume
    reach = jnp.sqrt((across / width) ** 2 + (along / (1.02 * volume)) ** 2 + 1e-6)
    bottom = 0.25 - 0.95 * step(0.25, 0.8, looks.hair_length)
    cover = jnp.clip((1 - reach) * 0.8 / pixel + 0.5, 0, 1) * step(bottom - 0.15, bottom + 0.1, along)
    return cover * step(0.98, 0.85, looks.hairline)


def _scalp(looks: Looks, head: Surface) -> Array:
    """Coverage of hair on the head itself: above a hairline that falls at the temples and behind the ears."""
    x = jnp.abs(head.x)
    temple = jnp.maximum(x - 0.30, 0)
    edge = 0.58 + 0.30 * looks.hairline - 2.6 * temple * temple
    edge = edge + 0.025 * jnp.sin(11 * head.x + looks.texture) - 0.12 * looks.hair_length * bump((x / 0.5) ** 2)
    edge = edge - (edge + 0.25 + 0.6 * looks.hair_length) * step(0.02, -0.22, head.z)
    return step(-0.035, 0.035, head.y - edge) * step(0.98, 0.85, looks.hairline)


def head_color(face: Face, lit: Lit, drawn: Layers, covers: Covers) -> Color:
    """The head in the light."""
    looks, scene = face.looks, face.scene
    own, hair, lamp = _linear(looks.skin), _linear(looks.hair), _linear(scene.light_color)
    pink = (0.0, 0.13, 0.12)
    skin: Color = tuple(s * covers.shade * (1 - k * covers.blush) for s, k in zip(own, pink, strict=True))  # type: ignore[assignment]
    skin = _mix(skin, _times(hair, 0.8), covers.beard)
    albedo = _mix(_draw(looks, skin, drawn), _times(hair, 0.55 + 0.45 * covers.strand), covers.scalp)
    shine = 0.07 * lit.gloss * (1 - covers.scalp) * (1 - 0.6 * drawn.cavity)
    power = 1.15 * (1 - scene.ambient)
    color = tuple(
        a * (power * lit.key * lamp[i] + scene.ambient * lit.sky) + shine * lamp[i] for i, a in enumerate(albedo)
    )
    return _mix(color, (0.02, 0.02, 0.025), 0.9 * covers.frame)  # type: ignore[arg-type]


def _draw(looks: Looks, skin: Color, drawn: Layers) -> Color:
    own, hair = _linear(looks.skin), _linear(looks.hair)
    brow = tuple(0.70 * jnp.minimum(h, 0.40 * s) for h, s in zip(hair, own, strict=True))
    color = _times(skin, 1 - 0.6 * drawn.crease)
    color = _mix(color, (own[0] * 0.72 + 0.01, own[1] * 0.44, own[2] * 0.48), 0.85 * drawn.lips)
    color = _times(color, 1 - 0.75 * drawn.crease * drawn.lips)
    color = _mix(color, (0.055, 0.012, 0.012), drawn.cavity)
    color = _mix(color, (0.35, 0.10, 0.09), 0.8 * drawn.tongue)
    color = _mix(color, (0.52, 0.49, 0.42), drawn.teeth)
    color = _mix(color, _times(skin, 0.15), drawn.nostril)
    color = _mix(color, _times((0.40, 0.385, 0.37), 0.5 + 0.6 * own[0]), drawn.sclera)
    color = _mix(color, _linear(looks.iris), drawn.iris)
    color = _mix(color, (0.008, 0.008, 0.01), drawn.pupil)
    color = _mix(color, (0.95, 0.95, 0.95), drawn.glint)
    color = _mix(color, _times(skin, 0.10), 0.9 * drawn.lash)
    return _mix(color, brow, 0.88 * drawn.brow)


def compose(looks: Looks, behind: Color, covers: Covers, head: Color, cover: Array) -> Color:
    """The head and its hair before what lies behind them."""
    hair = _times(_linear(looks.hair), 0.45 + 0.40 * covers.strand)
    return _mix(_mix(behind, hair, covers.hair), head, cover)


def behind(face: Face, s: tuple[Array, Array], p: tuple[Array, Array], turn: Array) -> Color:
    """Background, long hair behind the neck, ears, neck and shirt."""
    looks, scene = face.looks, face.scene
    px, py = p
    skin, glow = _linear(looks.skin), 0.55 * scene.ambient + 0.35
    color = _room(scene.background, *s)
    width = HALF_WIDTH * looks.head_width
    end = -0.25 - 1.1 * looks.hair_length
    curtain = between(px, -1.10 * width, 1.10 * width, 0.05) * between(py, end, 0.2, 0.1) * (looks.hair_length > 0.5)
    locks = 0.40 + 0.12 * jnp.sin(23 * px + looks.texture + jnp.sin(3 * py))
    color = _mix(color, _times(_linear(looks.hair), locks), curtain)
    for sign in (-1.0, 1.0):
        ex, ey = (sign * 1.0 * width * turn[i, 0] - 0.05 * turn[i, 1] for i in range(2))
        q = ((px - ex) / 0.10) ** 2 + ((py - ey) / 0.19) ** 2
        color = _mix(color, _times(skin, glow * (0.45 + 0.5 * q)), jnp.clip((1 - q) * 4, 0, 1))
    neck = between(px + 0.05 * turn[0, 2], -0.40, 0.40, 0.05) * (py < -0.3)
    shadow = glow * (0.9 - 0.45 * (px / 0.45) ** 2) * (0.45 + 0.55 * step(-0.75, -1.35, py))
    color = _mix(color, _times(skin, shadow), neck)
    shoulder = -1.22 - 0.32 * jnp.maximum(jnp.abs(px) - 0.35, 0) ** 2 - 0.22 * bump((px / 0.48) ** 2)
    cloth = 0.75 + 0.18 * jnp.sin(4 * px + looks.texture) * jnp.cos(2 * py) - 0.08 * jnp.abs(px)
    return _mix(color, _times(_linear(scene.shirt), cloth), jnp.clip((shoulder - py) * 12, 0, 1))


def _room(grid: Array, sx: Array, sy: Array) -> Color:
    """A blurred room: five by five colours, smoothly blended."""

    def weights(s: Array) -> Array:
        w = bump(((s[:, None] - jnp.linspace(-1, 1, 5)) / 0.8) ** 2)
        return w / w.sum(-1, keepdims=True)

    picture = jnp.einsum("yi,xj,ijc->cyx", weights(-sy[:, 0]), weights(sx[0]), grid * grid)
    return picture[0], picture[1], picture[2]


def _noise(seed: Array, size: int) -> Array:
    """Nearly normal noise of standard deviation 1: sums of four bytes of hashed pixel numbers."""
    n = jnp.arange(size * size, dtype=jnp.uint32) + jnp.uint32(0x9E3779B9) * seed.astype(jnp.uint32)
    n = (n ^ (n >> 16)) * jnp.uint32(0x7FEB352D)
    n = (n ^ (n >> 15)) * jnp.uint32(0x846CA68B)
    n = n ^ (n >> 16)
    total = (n & 255) + ((n >> 8) & 255) + ((n >> 16) & 255) + (n >> 24)
    return ((total.astype(jnp.float32) - 510) / 147.8).reshape(size, size)


def develop(color: Color, noise: Array, scene: Scene) -> Array:
    """Exposure, tone curve (the square root stands for sRGB's), sensor noise, 8 bit."""
    channels = [jnp.sqrt(jnp.clip(c * scene.exposure, 0, 1)) + scene.noise * noise for c in color]
    return (jnp.clip(jnp.stack(channels, -1), 0, 1) * 255 + 0.5).astype(jnp.uint8)


def _unit(vector: Array) -> Array:
    return vector / jnp.sqrt(jnp.sum(vector**2))


def _linear(srgb: Array) -> Color:
    return srgb[0] * srgb[0], srgb[1] * srgb[1], srgb[2] * srgb[2]


def _mix(under: Color, over: tuple, cover: Array) -> Color:
    return tuple(a + (b - a) * cover for a, b in zip(under, over, strict=True))  # type: ignore[return-value]


def _times(color: tuple, shade: float | Array) -> Color:
    return tuple(c * shade for c in color)  # type: ignore[return-value]
