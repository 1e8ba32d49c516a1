"""Self-attention by the fastest kernel that the device has."""

from typing import Literal

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

Kernel = Literal["cudnn", "xla"]
FLASH_DTYPES = (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))
FLASH_CAPABILITY = (8, 0)
"""cuDNN flash attention needs an Ampere GPU or a newer one."""


def local_platform() -> str:
    """The device that this process computes on by default: `cpu`, `tpu`, `cuda`, or `gpu` for one without flash."""
    backend = jax.default_backend()
    if backend != "gpu":
        return backend
    device = jax.devices()[0]
    if "cuda" not in device.client.platform_version:
        return "gpu"
    capability = tuple(int(x) for x in device.compute_capability.split("."))
    return "cuda" if capability >= FLASH_CAPABILITY else "gpu"


def attention_kernel(platform: str, dtype: DTypeLike, head_dim: int, tokens: int) -> tuple[Kernel, str]:
    """The attention kernel for a device and a shape, and the reason in words: (platform, ...) -> (kernel, reason).

    The conditions are those of `jax.nn.dot_product_attention`. That it refuses odd numbers of tokens in training is
    meant for attention with a bias, but JAX 0.10 refuses them without one as well.
    """
    dtype = jnp.dtype(dtype)
    if platform != "cuda":
        return "xla", f"cuDNN flash needs an NVIDIA GPU from Ampere on, and this is {platform}"
    if dtype not in FLASH_DTYPES:
        return "xla", f"cuDNN flash computes in bfloat16 or float16, not in {dtype}"
    if head_dim % 8 or head_dim > 128:
        return "xla", f"cuDNN flash needs heads of a multiple of 8 up to 128, not of {head_dim}"
    if tokens % 2:
        return "xla", f"cuDNN flash needs an even number of tokens, not {tokens}"
    return "cudnn", f"{dtype} on {platform}"


def attend(
    q: Float[Array, "b n heads k"], k: Float[Array, "b n heads k"], v: Float[Array, "b n heads k"], platform: str
) -> Float[Array, "b n heads k"]:
    """Every token attends to every token of its row; softmax in float32.

    The kernel is chosen while tracing. `jax.lax.platform_dependent` would choose while lowering, but it traces both
    kernels, which fails where there is no cuDNN, and keeps what both need for the backward pass, which is the square
    matrix that flash is there to avoid.
    """
    kernel, _ = attention_kernel(platform, q.dtype, q.shape[-1], q.shape[1])
    return jax.nn.dot_product_attention(q, k, v, implementation=kernel)
