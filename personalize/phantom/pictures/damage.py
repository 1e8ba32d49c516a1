"""What cameras, lamps and files do to a grey picture between the scene and the face finder."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from personalize.phantom.pictures.clutter import texture


def damage(rng: np.random.Generator, picture: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """A picture (0-255) under another light, out of focus, coarse, noisy, compressed: each of them sometimes."""
    picture = _relight(rng, picture)
    if rng.uniform() < 0.35:
        picture = _coarsen(rng, picture)
    if rng.uniform() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.6)))
    elif rng.uniform() < 0.5:  # cameras sharpen, and large pictures that are shrunk are sharp
        fine = picture - cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 1.5)))
        picture = picture + np.float32(rng.uniform(0.2, 1.5)) * fine
    if rng.uniform() < 0.1:
        picture = _smear(rng, picture)
    if rng.uniform() < 0.6:
        noise = rng.normal(size=picture.shape).astype(np.float32)
        picture = picture + np.float32(rng.exponential(5)) * noise
    pixels = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.uniform() < 0.4:
        _, code = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))])
        return cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]
    return pixels


def _relight(rng: np.random.Generator, picture: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Tone curve, contrast, a gradient or a shadow's edge over everything."""
    x = np.clip(picture / 255, 0, 1) ** np.float32(np.exp(rng.normal() * 0.35))
    height, width = x.shape
    if rng.uniform() < 0.3:
        across = (
            np.linspace(-1, 1, width, dtype=np.float32)[None],
            np.linspace(-1, 1, height, dtype=np.float32)[:, None],
        )
        slope = rng.normal(size=2).astype(np.float32)
        reach = slope[0] * across[0] + slope[1] * across[1]
        hard = np.float32(np.exp(rng.uniform(0, 3)))
        x = x * (1 + np.float32(rng.uniform(-0.6, 0.6)) * np.tanh(hard * (reach - np.float32(rng.normal() * 0.5))))
    if rng.uniform() < 0.2:
        side = 1 << int(np.ceil(np.log2(max(height, width))))
        x = x * (1 + np.float32(rng.uniform(0.02, 0.12)) * texture(rng, side)[:height, :width])
    gain, lift = np.float32(np.exp(rng.normal() * 0.3)), np.float32(rng.normal() * 0.08)
    return (255 * (x * gain + lift)).astype(np.float32)


def _coarsen(rng: np.random.Generator, picture: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """As if a smaller picture had been enlarged."""
    height, width = picture.shape
    share = rng.uniform(0.35, 0.9)
    small = cv2.resize(picture, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])))


def _smear(rng: np.random.Generator, picture: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Motion during the exposure."""
    length, angle = rng.uniform(1, 4), rng.uniform(0, np.pi)
    side = 9
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length
    a, b = (tuple(int(v) for v in np.rint(16 * (side // 2 + sign * reach))) for sign in (-1, 1))
    cv2.line(kernel, a, b, 1.0, 1, cv2.LINE_AA, shift=4)
    return cv2.filter2D(picture, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
