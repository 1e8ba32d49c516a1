"""Checkpoints by Orbax, behind this one module because its v1 interface still moves.

Orbax keeps no checksum, so a flipped byte would load as a wrong value: every checkpoint carries a fingerprint of its
arrays, and loading falls back to the newest one whose fingerprint holds. A checkpoint may be loaded onto another mesh
or by another number of processes: the abstract state says where the arrays go.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt32
from orbax.checkpoint import v1 as ocp

from pretrain.errors import RunFailure, UserError

_saving = ocp.training.save_decision_policies
_keeping = ocp.training.preservation_policies


@jax.jit
def fingerprint(tree: Any) -> UInt32[Array, ""]:
    """A number that changes with any bit of any array, the same on every device layout (a wrapping weighted sum)."""

    def one(x: Array) -> Array:
        x = x.astype(jnp.uint8) if x.dtype == bool else x
        width = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}[x.dtype.itemsize]
        bits = jax.lax.bitcast_convert_type(x, width).astype(jnp.uint32)
        # the position in row-major order, without the reshape that would gather an array from all its devices
        place = jnp.zeros((), jnp.uint32)
        for axis, size in enumerate(x.shape):
            place = place * jnp.uint32(size) + jax.lax.broadcasted_iota(jnp.uint32, x.shape, axis)
        odd = place * jnp.uint32(2654435761) | jnp.uint32(1)
        return (bits * odd).sum(dtype=jnp.uint32)

    return functools.reduce(lambda a, b: a * jnp.uint32(31) + b, map(one, jax.tree.leaves(tree)), jnp.uint32(17))


@jax.jit
def all_finite(tree: Any) -> Bool[Array, ""]:
    """Whether no number of any array is NaN or infinite."""
    each = [jnp.isfinite(x).all() for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return functools.reduce(jnp.logical_and, each, jnp.array(True))


def best_steps(scores: Mapping[int, float], n: int) -> list[int]:
    """The `n` steps of the highest scores, best first; of equal ones the later first."""
    return sorted(scores, key=lambda step: (scores[step], step), reverse=True)[:n]


@dataclass
class _Best:
    """Keeps the best by scores that the log holds, not Orbax: one broken file of its would close the whole folder."""

    n: int
    scores: Mapping[int, float]

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        here = {c.step: self.scores[c.step] for c in checkpoints if c.step in self.scores}
        return [c.step in best_steps(here, self.n) for c in checkpoints]


class Checkpoints:
    """The checkpoints of one run: step 0, the newest `keep`, every `keep_every`th step and the `keep_best` best stay.

    How good a step is (higher is better) has to be told by `rate`.
    """

    def __init__(
        self, folder: Path, keep: int = 1, *, keep_every: int = 0, keep_best: int = 0, reads: bool = False
    ) -> None:
        """`reads`: nothing is changed, not even what a save that was cut off has left; the run may be under way."""
        self.folder = folder.resolve()
        self._scores: dict[int, float] = {}
        policies: list[Any] = [_keeping.LatestN(keep), _keeping.CustomSteps([0]), _Best(keep_best, self._scores)]
        if keep_every:
            policies.append(_keeping.EveryNSteps(keep_every))
        try:
            # Any: the policies do not match Orbax's own annotations
            checkpointer: Any = ocp.training.Checkpointer
            self._orbax = checkpointer(
                self.folder,
                # the default policy silently skips a save while another one is running
                save_decision_policy=_saving.FixedIntervalPolicy(1),
                preservation_policy=_keeping.AnyPreservationPolicy(policies),
                cleanup_tmp_directories=not reads,
            )
        except ValueError as error:
            raise RunFailure(f"{folder} cannot be opened as checkpoints: {error}") from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._orbax.close()

    @property
    def steps(self) -> list[int]:
        """Steps that are on disk, in order."""
        return sorted(c.step for c in self._orbax.checkpoints)

    def rate(self, step: int, score: float) -> None:
        """Says how good a step is, best before it is saved; NaN is never best."""
        if np.isfinite(score):
            self._scores[step] = score

    def save(self, step: int, state: Any) -> None:
        """Saves in the background.

        Raises `RunFailure`, and saves nothing, when a number of the state is not finite.
        """
        if not all_finite(state):
            raise RunFailure(f"the state of step {step} is not finite; {self.last_good()}")
        mark: Any = {"fingerprint": int(fingerprint(state))}
        if self._orbax.save_checkpointables_async(step, {"state": state}, custom_metadata=mark) is None:
            raise RunFailure(f"the checkpoint of step {step} was not saved in {self.folder}")

    def load(self, step: int, abstract: Any) -> Any:
        """The state of one step, placed as `abstract` says (on the first device where it does not).

        Raises `UserError` when the run has no such step, `RunFailure` when it is damaged or of another shape.
        """
        if step not in self.steps:
            known = ", ".join(map(str, self.steps)) or "none"
            raise UserError(f"{self.folder} has no checkpoint of step {step}; there are: {known}")
        try:
            state = self._orbax.load_checkpointables(step, {"state": _placed(abstract)})["state"]
            marked = self._orbax.checkpointables_metadata(step).custom_metadata["fingerprint"]
        except Exception as error:  # Orbax raises many types; the cause is what tells
            cause = _root_cause(error)
            raise RunFailure(f"checkpoint {step} in {self.folder}: {type(cause).__name__}: {cause}") from error
        if jax.tree.map(lambda x: x.dtype, state) != jax.tree.map(lambda x: x.dtype, abstract):
            raise RunFailure(f"checkpoint {step} in {self.folder} holds other types of numbers than this config")
        if int(fingerprint(state)) != marked:
            raise RunFailure(f"checkpoint {step} in {self.folder} is damaged: its fingerprint does not match")
        return state

    def mark(self, step: int) -> int:
        """The fingerprint that a step was saved with; no array is read. Raises `RunFailure` when it has none."""
        try:
            return int(self._orbax.checkpointables_metadata(step).custom_metadata["fingerprint"])
        except Exception as error:  # as in `load`
            cause = _root_cause(error)
            raise RunFailure(f"checkpoint {step} in {self.folder}: {type(cause).__name__}: {cause}") from error

    def load_newest(self, abstract: Any, say: Callable[[str], None]) -> tuple[int, Any] | None:
        """The newest intact checkpoint as (step, state); None when the run has none yet.

        Damaged ones are reported through `say` and passed over; when all are damaged, `RunFailure`.
        """
        for step in reversed(self.steps):
            try:
                return step, self.load(step, abstract)
            except RunFailure as error:
                say(f"warning: {' '.join(str(error).split())[:300]}; trying an earlier one")
        if self.steps:
            raise RunFailure(f"no checkpoint in {self.folder} can be loaded")
        return None

    def drop_after(self, step: int) -> None:
        """Deletes what is newer than the step from which a run goes on, for it will be made again.

        Else a damaged checkpoint would count among the newest, and an intact one would go in its stead.
        """
        for newer in [s for s in self.steps if s > step]:
            self._orbax.delete(newer)

    def wait(self) -> None:
        """Returns when everything is on disk."""
        self._orbax.wait()

    def last_good(self) -> str:
        """Words on what a run that fails leaves behind."""
        self.wait()
        return f"the last good checkpoint is {self.steps[-1]}" if self.steps else "there is no checkpoint yet"


def _placed(abstract: Any) -> Any:
    """Says where the arrays go; Orbax would otherwise put them where they were when saved."""
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=a.sharding or place), abstract)


def _root_cause(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
