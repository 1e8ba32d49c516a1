"""The numbers of a network as a safetensors file, and a start from such a file instead of from chance.

A name is the path of the part, such as "parameters.stages.parts.block_1.units.parts.conv_1.conv.kernel"; a kernel is
[rows, columns, channels in, channels out]. Nothing is ever downloaded.
"""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from personalize.heads.networks.network import Model
from pretrain.errors import UserError, nearest


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Weights:
    """A local file to start from."""

    file: Path
    only: str = "*"
    """Pattern of the names that the file holds, such as "*.stages.*"; all others start by chance."""


def save_weights(model: Model, file: Path) -> None:
    """Writes all numbers of a network in single precision."""
    save_file({name: np.asarray(leaf, np.float32) for name, leaf in _named(model).items()}, file)


def with_weights(model: Model, weights: Weights) -> Model:
    """The network with the file's numbers.

    Raises `UserError`, naming the file and the first name or shape that differs, where it cannot be read or does not
    hold exactly what was asked for.
    """
    try:
        stored = load_file(weights.file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"weights {weights.file}: cannot be read as safetensors: {error}") from None
    named = _named(model)
    wanted = [name for name in sorted(named) if fnmatchcase(name, weights.only)]
    if not wanted:
        raise UserError(f"weights.only: no name of the network matches {weights.only!r}{nearest(weights.only, named)}")
    for name in wanted:
        if name not in stored:
            raise UserError(f"weights {weights.file}: {name!r} is not there{nearest(name, stored)}")
        if stored[name].shape != named[name].shape:
            raise UserError(f"weights {weights.file}: {name!r} has shape {list(stored[name].shape)}; the network's is "
                            f"{list(named[name].shape)}")  # fmt: skip
        if not np.isfinite(stored[name]).all():
            raise UserError(f"weights {weights.file}: {name!r} has numbers that are not finite")
    if more := sorted(set(stored) - set(wanted)):
        raise UserError(f"weights {weights.file}: {more[0]!r} is not asked for{nearest(more[0], wanted)}")
    return _filled(model, named | {name: stored[name].astype(np.float32) for name in wanted})


def _named(model: Model) -> dict[str, Any]:
    return {
        ".".join(map(str, (part, *path))): leaf
        for part, tree in model._asdict().items()
        for path, leaf in flatten_dict(tree).items()
    }


def _filled(model: Model, named: dict[str, Any]) -> Model:
    found = {}
    for part, tree in model._asdict().items():
        found[part] = unflatten_dict({path: named[".".join(map(str, (part, *path)))] for path in flatten_dict(tree)})
    return jax.tree.map(lambda leaf, _: leaf, Model(**found), model)
