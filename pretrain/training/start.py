"""The weights of a run that is there: for embedding, and for starting another run with a new population's footage."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from pretrain.config import PretrainConfig
from pretrain.errors import UserError
from pretrain.training.checkpoints import Checkpoints, best_steps
from pretrain.training.log import read_metrics, scores
from pretrain.training.step import State, abstract_state, evaluated

METRICS, CHECKPOINTS = "metrics.jsonl", "checkpoints"
"""Where they lie in a run folder."""
ENCODER = "encoder"


@dataclass(frozen=True)
class Source:
    """A step of a pretraining run."""

    name: str
    """How the user calls it."""
    config: PretrainConfig
    folder: Path
    step: int | Literal["best", "latest"] | None
    """The best by the run's `config.best`, or the newest; None for the best where the run keeps its best and has one,
    else the newest.
    """


def read_weights(source: Source, mesh: Mesh, say: Callable[[str], None]) -> tuple[int, Any]:
    """The step and its parameters (their running mean where the run keeps one), laid out on a mesh.

    Of the newest, damaged ones are passed over and reported through `say`.
    Raises `UserError` when there is no such step, `RunFailure` when it cannot be loaded.
    """
    abstract = abstract_state(source.config, mesh)
    with _open(source) as checkpoints:
        step = _step(source, checkpoints.steps)
        if step is None:
            found = checkpoints.load_newest(abstract, say)
            assert found, "there are steps"
            step, state = found
        else:
            state = checkpoints.load(step, abstract)
    return step, evaluated(state)


def pin(source: Source) -> Source:
    """The same with the number of the step that it now stands for. Raises `UserError` when there is none."""
    with _open(source) as checkpoints:
        step = _step(source, checkpoints.steps)
        return replace(source, step=checkpoints.steps[-1] if step is None else step)


def kept_steps(source: Source) -> list[int]:
    """The steps of which the run now has a checkpoint, in order; none where it has yet to save its first."""
    if not (source.folder / CHECKPOINTS).is_dir():
        return []
    with _open(source) as checkpoints:
        return checkpoints.steps


def saved_marks(source: Source, steps: Iterable[int]) -> dict[int, int]:
    """The fingerprints that steps were saved with; no array is read."""
    with _open(source) as checkpoints:
        return {step: checkpoints.mark(step) for step in steps}


def _open(source: Source) -> Checkpoints:
    if not (source.folder / CHECKPOINTS).is_dir():
        raise UserError(f"{source.name} has no checkpoint yet")
    return Checkpoints(source.folder / CHECKPOINTS, reads=True)


def _step(source: Source, steps: list[int]) -> int | None:
    """The number of the step; None for the newest that is intact."""
    if not steps:
        raise UserError(f"{source.name} has no checkpoint yet")
    if isinstance(source.step, int):
        return source.step
    best = _best(source, steps) if source.step == "best" or (source.step is None and source.config.keep_best) else []
    if source.step == "best" and not best:
        raise UserError(f"{source.name}: no checkpoint there has a value of {source.config.best!r}")
    return best[0] if best else None


def _best(source: Source, steps: list[int]) -> list[int]:
    log = source.folder / METRICS
    values = scores(read_metrics(log), source.config.best) if log.is_file() else {}
    return best_steps({step: value for step, value in values.items() if step in steps}, 1)


def take_over(state: State, mesh: Mesh, source: Source, say: Callable[[str], None]) -> State:
    """A fresh state with the weights of another run; everything else stays fresh.

    The parameters go by their names: the encoder's have to be the same in both, in name and shape; each head is taken
    where it is the same, and said to be fresh where it is not.
    Raises `UserError` naming the first parameter of the encoder that differs.
    """
    step, theirs = read_weights(source, mesh, say)
    ours = state["params"]
    difference = first_difference(theirs.get(ENCODER), ours[ENCODER], ENCODER)
    if difference:
        raise UserError(f"{source.name} has another encoder: {difference}")
    taken = [name for name in ours if name in theirs and not first_difference(theirs[name], ours[name], name)]
    params = {name: theirs[name] if name in taken else ours[name] for name in ours}
    fresh = [name for name in ours if name not in taken]
    say(f"weights of step {step} of {source.name}: {', '.join(taken)}; fresh: {', '.join([*fresh, 'optimizer'])}")
    # a copy, for the step gives away the buffers of its state and cannot give one away twice
    mean = {"ema": jax.tree.map(jnp.copy, params)} if "ema" in state else {}
    return state | {"params": params} | mean


def first_difference(theirs: Any, ours: Any, where: str) -> str | None:
    """The first parameter, in order of names, that two trees do not share in name and shape; None if they share all."""
    there, here = _shapes(theirs, where), _shapes(ours, where)
    for name in sorted(there.keys() | here.keys()):
        if there.get(name) != here.get(name):
            old, new = (str(found[name]) if name in found else "missing" for found in (there, here))
            return f"{name} is {old} there and {new} here"
    return None


def _shapes(tree: Any, where: str) -> Mapping[str, tuple[int, ...]]:
    leaves = jax.tree.leaves_with_path(tree)
    return {f"{where}/{jax.tree_util.keystr(path, simple=True, separator='/')}": leaf.shape for path, leaf in leaves}
