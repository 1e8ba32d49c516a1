"""Checkpoints by Orbax, behind this one module because its v1 interface still moves.

Orbax keeps no checksum, so a flipped byte would load as a wrong value: every checkpoint carries a fingerprint of its
arrays, and loading falls back to the newest one whose fingerprint holds.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32
from orbax.checkpoint import v1 as ocp

from pretrain.errors import RunFailure, UserError

_saving = ocp.training.save_decision_policies
_keeping = ocp.training.preservation_policies


@jax.jit
def fingerprint(tree: Any) -> UInt32[Array, ""]:
    """A number that changes with any bit of any array, the same on every device layout (a wrapping weighted sum)."""

    def one(x: Array) -> Array:
        width = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32}[x.dtype.itemsize]
        bits = jax.lax.bitcast_convert_type(x, width).astype(jnp.uint32).reshape(-1)
        odd = jax.lax.iota(jnp.uint32, bits.size) * jnp.uint32(2654435761) | jnp.uint32(1)
        return (bits * odd).sum(dtype=jnp.uint32)

    return functools.reduce(lambda a, b: a * jnp.uint32(31) + b, map(one, jax.tree.leaves(tree)), jnp.uint32(17))


class Checkpoints:
    """The checkpoints of one run: step 0 and the newest `keep` stay."""

    def __init__(self, folder: Path, keep: int = 1) -> None:
        self.folder = folder.resolve()
        try:
            # Any: the policies do not match Orbax's own annotations
            checkpointer: Any = ocp.training.Checkpointer
            self._orbax = checkpointer(
                self.folder,
                # the default policy silently skips a save while another one is running
                save_decision_policy=_saving.FixedIntervalPolicy(1),
                preservation_policy=_keeping.AnyPreservationPolicy([_keeping.LatestN(keep), _keeping.CustomSteps([0])]),
                cleanup_tmp_directories=True,
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

    def save(self, step: int, state: Any) -> None:
        """Saves in the background."""
        mark: Any = {"fingerprint": int(fingerprint(state))}
        if self._orbax.save_checkpointables_async(step, {"state": state}, custom_metadata=mark) is None:
            raise RunFailure(f"the checkpoint of step {step} was not saved in {self.folder}")

    def load(self, step: int, abstract: Any) -> Any:
        """The state of one step.

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

    def wait(self) -> None:
        """Returns when everything is on disk."""
        self._orbax.wait()


def _placed(abstract: Any) -> Any:
    """Says where the arrays go; Orbax would otherwise put them where they were when saved."""
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=a.sharding or place), abstract)


def _root_cause(error: BaseException) -> BaseException:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return error
