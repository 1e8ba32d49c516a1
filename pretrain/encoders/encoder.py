"""The encoders that a config can name."""

from typing import Annotated

import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from pydantic import Field

from pretrain.clips.augment import number_kept
from pretrain.encoders.attention import attention_kernel, local_platform
from pretrain.encoders.conv import ConvConfig, ConvEncoder
from pretrain.encoders.frames import FrameConfig, FrameEncoder
from pretrain.encoders.vit import VideoViT, VideoViTConfig

EncoderConfig = Annotated[VideoViTConfig | ConvConfig | FrameConfig, Field(discriminator="kind")]
Encoder = VideoViT | ConvEncoder | FrameEncoder


def make_encoder(
    config: EncoderConfig, *, rngs: nnx.Rngs, dtype: DTypeLike = jnp.float32, platform: str | None = None
) -> Encoder:
    """A new encoder: (clips, keep=None, *, intermediates=False) -> Features.

    It computes in `dtype`; parameters, statistics of normalisation, softmax and features are in float32. `platform` is
    the device whose attention kernel is taken, by default the one at hand. The kernel `cpu` has can be lowered for
    every device, hence `platform="cpu"` for programs that are exported from a GPU machine to another kind.
    """
    platform = platform or local_platform()
    match config:
        case VideoViTConfig():
            return VideoViT(config, rngs=rngs, dtype=dtype, platform=platform)
        case FrameConfig():
            return FrameEncoder(config, rngs=rngs, dtype=dtype, platform=platform)
        case ConvConfig():
            return ConvEncoder(config, rngs=rngs, dtype=dtype)


def attention_notes(
    config: EncoderConfig, dtype: DTypeLike, *, share: float = 1.0, platform: str | None = None
) -> list[str]:
    """For the log: which attention kernel an encoder takes when it sees `share` of the cells, and why.

    One line per kind of attention; none for an encoder without attention.
    """
    if isinstance(config, ConvConfig):
        return []
    t, h, w = config.cells
    places = number_kept(h * w, share)
    if isinstance(config, FrameConfig):
        lengths = {"time": t}
    elif config.attention == "joint":
        lengths = {"space-time": t * places}
    else:
        lengths = {"space": places, "time": t}
    notes = []
    for name, tokens in lengths.items():
        kernel, reason = attention_kernel(platform or local_platform(), dtype, config.width // config.heads, tokens)
        notes.append(f"attention in {name}, {tokens} tokens: {kernel} ({reason})")
    return notes
