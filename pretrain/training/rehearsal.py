"""What can be known of a run before it begins: its size and length, and whether it can learn one batch by heart."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from pretrain.clips.loader import ClipLoader
from pretrain.config import PretrainConfig
from pretrain.errors import RunFailure
from pretrain.training.mesh import batch_sharding
from pretrain.training.step import abstract_batch, abstract_state, init_state, make_step, place, step_programs

TIMED_STEPS = 3
OVERFIT_STEPS = 300
ENOUGH = 0.5
"""Share of its first value to which the loss on one batch has to fall."""


@dataclass(frozen=True)
class Plan:
    """Size and length of a run."""

    parameters: int
    compile_seconds: float
    bytes_per_device: int | None
    """What the step holds at most, by the compiler; None where it does not tell."""
    step_seconds: float
    """Of the steps that were timed, without waiting for data."""
    load_seconds: float
    """Of reading a batch."""

    def seconds(self, steps: int) -> float:
        """Of so many steps: reading goes on beside computing, so the slower of the two tells."""
        return steps * max(self.step_seconds, self.load_seconds)


def plan(config: PretrainConfig, loader: ClipLoader, mesh: Mesh) -> Plan:
    """Compiles the step ahead of time, then times some real ones.

    Durations of the config are in steps.
    """
    state = abstract_state(config, mesh)
    start = time.perf_counter()
    compiled = compile_step(config, mesh, side=next(loader.batches())["frames"].shape[-2])
    compiled_in = time.perf_counter() - start
    step_seconds, load_seconds = _timed(config, loader, mesh)
    return Plan(
        parameters=sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state["params"])),
        compile_seconds=compiled_in,
        bytes_per_device=max((_bytes(program) for program in compiled), key=lambda n: n or 0),
        step_seconds=step_seconds,
        load_seconds=load_seconds,
    )


def compile_step(config: PretrainConfig, mesh: Mesh, side: int) -> tuple[Any, Any]:
    """The two programs of a step, compiled for crops of `side` pixels without any data."""
    look, update = step_programs(config, mesh)
    state, batch = abstract_state(config, mesh), abstract_batch(config, mesh, side)
    rest = {key: value for key, value in batch.items() if key != "frames"}
    views = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=batch_sharding(mesh)),
        jax.eval_shape(look, state["step"], batch),
    )
    return look.lower(state["step"], batch).compile(), update.lower(state, views, rest).compile()


def _bytes(compiled: Any) -> int | None:
    found = compiled.memory_analysis()
    if found is None:
        return None
    # what is donated is counted among the arguments and again among the results
    used = found.argument_size_in_bytes + found.output_size_in_bytes + found.temp_size_in_bytes
    return int(used - found.alias_size_in_bytes)


def _timed(config: PretrainConfig, loader: ClipLoader, mesh: Mesh) -> tuple[float, float]:
    """Seconds of a step and of reading a batch."""
    batches, step, state = loader.batches(), make_step(config, mesh), init_state(config, mesh)
    batch = place(mesh, next(batches))
    state, metrics = step(state, batch)
    jax.block_until_ready(metrics)
    start = time.perf_counter()
    for _ in range(TIMED_STEPS):
        state, metrics = step(state, batch)
    jax.block_until_ready(metrics)
    computed = time.perf_counter()
    drawn = loader.batches(1)  # anew, for the first stream has read ahead in the meantime
    for _ in range(TIMED_STEPS):
        next(drawn)
    return (computed - start) / TIMED_STEPS, (time.perf_counter() - computed) / TIMED_STEPS


def overfit(
    config: PretrainConfig, loader: ClipLoader, mesh: Mesh, report: Callable[[int, float], None]
) -> tuple[int, float, float]:
    """Trains on the first batch again and again until the loss has fallen by half: (steps, loss before, loss after).

    The schedule is that of a run of `OVERFIT_STEPS` steps, or of the config's where these are fewer; losses are means
    of ten steps, for the augmentation is another one at every step. `report` is told step and loss.
    Raises `RunFailure` when the loss did not fall so far.
    """
    steps = min(int(config.steps), OVERFIT_STEPS)
    warmup = min(int(config.optimizer.warmup), max(1, steps // 20))
    config = replace(config, steps=steps, optimizer=replace(config.optimizer, warmup=warmup))
    step, state, batch = make_step(config, mesh), init_state(config, mesh), place(mesh, next(loader.batches()))
    losses: list[float] = []
    before = after = math.nan
    for done in range(1, steps + 1):
        state, metrics = step(state, batch)
        losses.append(float(metrics["loss"]))
        report(done, losses[-1])
        before, after = float(np.mean(losses[:10])), float(np.mean(losses[-10:]))
        if done >= 20 and after < ENOUGH * before:
            return done, before, after
    raise RunFailure(
        f"on one batch the loss went from {before:.3g} to {after:.3g} in {steps} steps; it should fall by half"
    )
