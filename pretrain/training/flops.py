"""Arithmetic of a clip by formula, and the share of a device's peak that training reaches (MFU).

Only matrix products and convolutions are counted, a multiplication and an addition as two operations: they are what
peaks are stated for, and nearly all of the work. XLA's own `cost_analysis` is no help, since it counts the body of a
scan over the blocks once, however many blocks there are. What `remat` computes a second time is no work done and is
left out, as MFU is defined (PaLM, Chowdhery 2022).
"""

import itertools
import math

from pretrain.clips.augment import number_kept
from pretrain.clips.dataset import MEASURES
from pretrain.config import PretrainConfig
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import EncoderConfig
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import VideoViTConfig

PEAKS = {
    "NVIDIA H200": 989e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "TPU v4": 275e12,
    "TPU v5p": 459e12,
    "TPU v5": 459e12,
    "TPU v5e": 197e12,
    "TPU v5 lite": 197e12,
}
"""Dense bfloat16 operations per second by the vendors' data sheets, under the names that JAX gives (`device_kind`)."""


def peak_flops(device_kind: str, precision: str) -> float | None:
    """Operations per second that a device can do at most; None where it is not known."""
    return PEAKS.get(device_kind) if precision == "bfloat16" else None


def mfu(config: PretrainConfig, clips_per_second: float, devices: int, device_kind: str) -> float | None:
    """Share of the peak of all devices that goes into training; None for a device whose peak is not known."""
    peak = peak_flops(device_kind, config.precision)
    return None if peak is None else training_flops(config) * clips_per_second / (devices * peak)


def training_flops(config: PretrainConfig) -> int:
    """Operations of a training step per clip of its batch: all views, objectives and their heads.

    The backward pass is taken for twice the forward one; it is a little less, for pixels need no gradient.
    """
    return 3 * (_encoder_passes(config) + _heads(config))


def forward_flops(config: EncoderConfig, share: float = 1.0) -> int:
    """Operations of the encoder on one clip, of which it sees `share` of the tubes."""
    t, h, w = config.cells
    match config:
        case VideoViTConfig():
            places = number_kept(h * w, share)
            pixels = math.prod(config.tubelet) * config.channels
            embed = 2 * t * places * pixels * config.width
            rows = [(1, t * places)] if config.attention == "joint" else [(t, places), (places, t)]
            return embed + config.depth * _block(config.width, config.mlp_ratio, rows)
        case FrameConfig():
            frame = _trunk(config.size, (config.channels, *config.stages), config.width)
            return config.frames * frame + config.depth * _block(config.width, config.mlp_ratio, [(1, t)])
        case ConvConfig():
            return _trunk(config.size, (config.frames * config.channels, *config.stages), config.width)


def _block(width: int, mlp_ratio: int, rows: list[tuple[int, int]]) -> int:
    """A transformer block with one attention per entry of `rows`: (rows, tokens in each)."""
    return _mlp(rows[0][0] * rows[0][1], width, mlp_ratio) + sum(n * _attention(tokens, width) for n, tokens in rows)


def _attention(tokens: int, width: int) -> int:
    """Queries, keys, values and output; then what every two tokens have to do with each other, there and back."""
    return 2 * tokens * 4 * width**2 + 2 * 2 * tokens**2 * width


def _mlp(tokens: int, width: int, ratio: int) -> int:
    return 2 * tokens * 2 * ratio * width**2


def _trunk(size: int, channels: tuple[int, ...], width: int) -> int:
    """3 × 3 convolutions that halve the side, then the projection to `width`."""
    total = 0
    for a, b in itertools.pairwise(channels):
        size = math.ceil(size / 2)
        total += 2 * size**2 * 9 * a * b
    return total + 2 * size**2 * channels[-1] * width


def _encoder_passes(config: PretrainConfig) -> int:
    """All encoder passes of a clip: one for contrastive and pairwise together, one for masked."""
    total = 0
    if config.contrastive.weight or config.pairwise.weight:
        total += forward_flops(config.encoder, config.augment.token_share)
    if config.masked.weight:
        total += forward_flops(config.encoder, 1 - config.masked.share)
    return config.views * total


def _heads(config: PretrainConfig) -> int:
    """Projection, pairwise head and decoder; comparing clips with each other is left out."""
    width, total = config.encoder.width, 0
    if config.contrastive.weight:
        total += 2 * 2 * width * (width + config.contrastive.dimensions)
    if config.pairwise.weight:
        total += 2 * width * len(MEASURES)
    if config.masked.weight:
        d, cells = config.masked.decoder_width, math.prod(config.encoder.cells)
        seen = config.encoder.cells[0] * number_kept(cells // config.encoder.cells[0], 1 - config.masked.share)
        pixels = config.encoder.frames * config.encoder.size**2 * config.encoder.channels
        total += 2 * seen * width * d + 2 * pixels * d + config.masked.decoder_depth * _block(d, 4, [(1, cells)])
    return config.views * total
