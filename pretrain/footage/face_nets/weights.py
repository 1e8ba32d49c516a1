"""The nets' weights: half-precision safetensors beside this file, checked against their recorded SHA-256 when read."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors.numpy import load, save

FOLDER = Path(__file__).parent / "weights"
SUMS = "SHA256SUMS"
Net = TypeVar("Net", bound=nnx.Module)


def packed(params: Any) -> bytes:
    """A net's parameters (an `nnx.State`) as the bytes of a safetensors file, in half precision.

    The same values give the same bytes.
    """
    return save({_name(path): np.asarray(leaf[...], np.float16) for path, leaf in nnx.to_flat_state(params)})


def unpacked(make: Callable[[nnx.Rngs], Net], data: bytes) -> Net:
    """The net that `make` makes, with the parameters of a safetensors file."""
    graph, params = nnx.split(nnx.eval_shape(lambda: make(nnx.Rngs(0))))
    stored = load(data)
    filled = [
        (path, leaf.replace(jnp.asarray(stored[_name(path)], jnp.float32))) for path, leaf in nnx.to_flat_state(params)
    ]
    return nnx.merge(graph, nnx.from_flat_state(filled))


def read(make: Callable[[nnx.Rngs], Net], name: str, folder: Path = FOLDER) -> Net:
    """The shipped net of that name. Raises `ValueError` where its file is not the one that was shipped."""
    file = f"{name}.safetensors"
    data = (folder / file).read_bytes()
    sums = {line.split()[1]: line.split()[0] for line in (folder / SUMS).read_text().splitlines()}
    if hashlib.sha256(data).hexdigest() != sums[file]:
        raise ValueError(f"{file} of the face nets is not the one that {SUMS} names; it is damaged: reinstall wince")
    return unpacked(make, data)


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(map(str, path))
