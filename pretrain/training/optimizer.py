"""AdamW with warm-up and cosine decay, and what each parameter's part in it is: its path decides.

Paths are those of the parameters' tree, such as `encoder/embed/kernel`. The parameters of an encoder's blocks are
stacked along a leading axis, and the path of a slice names the block: `encoder/blocks/3/qkv/kernel`.
"""

from fnmatch import fnmatchcase
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from annotated_types import Ge, Gt, Interval
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from pretrain.errors import UserError, nearest
from pretrain.training.durations import Duration

STACKED = "blocks"
"""Part of a path below which parameters are stacked along a leading axis."""
BELOW = ("embed", "trunk", "position")
"""Parts of an encoder below its blocks."""
NOT_DECAYED = ("position", "token")
"""Parts of names of tables and tokens that stand for a place rather than a weight."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class OptimizerConfig:
    """Optimizer of a pretraining run."""

    learning_rate: Annotated[float, Gt(0)] = 1.5e-3
    weight_decay: Annotated[float, Ge(0)] = 0.05
    """Decay of the weights of matrices; biases, norms and positions are left alone."""
    warmup: Duration = "5 percent"
    """Time in which the rate rises linearly from 0."""
    clip_norm: Annotated[float, Gt(0)] = 1.0
    """Largest norm of a gradient."""
    freeze: tuple[str, ...] = ()
    """Patterns of paths of parameters that do not change, such as "encoder/embed/*" or "encoder/blocks/[0-3]/*"."""
    layer_decay: Annotated[float, Interval(gt=0, le=1)] = 1.0
    """Factor of the learning rate from each encoder block to the one below it (BEiT, Bao 2021); 1 for none."""


def make_schedule(config: OptimizerConfig, steps: int) -> optax.Schedule:
    """Learning rate by step: linear warm-up, then a cosine to 0 at `steps`; the warm-up is a number of steps."""
    warmup = int(config.warmup)
    return optax.warmup_cosine_decay_schedule(0.0, config.learning_rate, warmup, max(steps, warmup + 1))


def make_optimizer(config: OptimizerConfig, params: Any) -> optax.GradientTransformation:
    """From gradients to the direction that a learning rate is multiplied with; `params` may be abstract.

    The rate itself is left to the step, so that the state needs no second count of the steps.
    """
    scales = rate_scales(config, params)
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.scale_by_adam(b2=0.95),
        optax.add_decayed_weights(config.weight_decay, jax.tree_util.tree_map_with_path(_decays, params)),
        optax.stateless(lambda updates, _: jax.tree.map(lambda u, s: u * s, updates, scales)),
    )


def rate_scales(config: OptimizerConfig, params: Any) -> Any:
    """For every parameter what its learning rate is multiplied with: an array that broadcasts, 0 where it is frozen.

    Raises `UserError` for a pattern of `freeze` that no path matches.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [_slices(path, leaf) for path, leaf in leaves]
    every = [name for slices in names for name in slices]
    for pattern in config.freeze:
        if not any(fnmatchcase(name, pattern) for name in every):
            raise UserError(f"optimizer.freeze: no parameter's path matches {pattern!r}{nearest(pattern, every)}")
    depth = max((len(s) for s in names if s[0].startswith(f"encoder/{STACKED}/")), default=0)
    if config.layer_decay < 1 and not depth:
        raise UserError(f"optimizer.layer_decay={config.layer_decay} needs an encoder with blocks; set it to 1")
    scales = []
    for slices, (_, leaf) in zip(names, leaves, strict=True):
        below = [depth + 1 - _layer(name, depth) for name in slices]
        frozen = [any(fnmatchcase(name, pattern) for pattern in config.freeze) for name in slices]
        scale = np.where(frozen, 0, config.layer_decay ** np.array(below)).astype(np.float32)
        scales.append(scale.reshape(-1, *(1,) * (leaf.ndim - 1)) if len(scale) > 1 else scale.reshape(()))
    return jax.tree.unflatten(tree, scales)


def hold(params: Any, scales: Any) -> Any:
    """The same parameters, with no gradient to those that are frozen."""

    def one(p: jax.Array, scale: np.ndarray) -> jax.Array:
        if np.all(scale):
            return p
        still = jax.lax.stop_gradient(p)  # when all of it is frozen, its part of the backward pass falls away
        return jnp.where(scale > 0, p, still) if np.any(scale) else still

    return jax.tree.map(one, params, scales)


def _parts(path: tuple[Any, ...]) -> list[str]:
    return [str(key.key) for key in path]


def _slices(path: tuple[Any, ...], leaf: Any) -> list[str]:
    parts = _parts(path)
    if STACKED not in parts:
        return ["/".join(parts)]
    at = parts.index(STACKED) + 1
    return ["/".join([*parts[:at], str(i), *parts[at:]]) for i in range(leaf.shape[0])]


def _layer(name: str, depth: int) -> int:
    """0 for what turns pixels into tokens, 1 to `depth` for the blocks, one more for everything else."""
    where = name.split("/")
    if where[0] != "encoder":
        return depth + 1
    if where[1] == STACKED:
        return int(where[2]) + 1
    return 0 if where[1] in BELOW else depth + 1


def _decays(path: tuple[Any, ...], leaf: Any) -> bool:
    parts = _parts(path)
    axes = leaf.ndim - (STACKED in parts)
    return axes >= 2 and not any(word in parts[-1] for word in NOT_DECAYED)
