"""Where arrays live: a mesh of devices, over which GSPMD shares out batch and state.

Every device works on its own part of the batch. Along `fsdp` the parameters and what the optimizer knows of them are
cut up too; the step puts the parameters together for as long as it computes the loss (as ZeRO does, Rajbhandari 2020),
so that a device holds its share of everything, and the whole parameters and activations for a while.
"""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from pretrain.errors import UserError, nearest

AXES = ("data", "fsdp")
AnyMesh = Mesh | AbstractMesh
"""An `AbstractMesh` serves to lower programs for devices that are not here."""


def make_mesh(fsdp: int = 1) -> Mesh:
    """All devices as `data` × `fsdp`, in the order of their processes.

    That order gives every process one unbroken block of a global batch, whatever the mesh, and keeps the talk along
    `fsdp` within a machine where it can be.
    Raises `UserError` when `fsdp` does not divide the number of devices.
    """
    devices = sorted(jax.devices(), key=lambda d: (d.process_index, d.id))
    if fsdp < 1 or len(devices) % fsdp:
        fits = [str(n) for n in range(1, len(devices) + 1) if len(devices) % n == 0]
        raise UserError(f"fsdp={fsdp} does not divide {len(devices)} devices{nearest(str(fsdp), fits)}")
    return Mesh(np.array(devices).reshape(-1, fsdp), AXES, axis_types=(AxisType.Auto,) * 2)


def batch_sharding(mesh: AnyMesh) -> NamedSharding:
    """The leading axis over all devices."""
    return NamedSharding(mesh, PartitionSpec(AXES))


def replicated(mesh: AnyMesh) -> NamedSharding:
    """The same on every device."""
    return NamedSharding(mesh, PartitionSpec())


def state_sharding(mesh: AnyMesh, abstract_state: Any) -> Any:
    """The sharding of every array of a state.

    Arrays of two or more axes are cut along the largest axis that `fsdp` divides (the last of equals), all others are
    replicated.
    """
    return jax.tree.map(lambda a: NamedSharding(mesh, _cut(a.shape, mesh.shape["fsdp"])), abstract_state)


def _cut(shape: tuple[int, ...], parts: int) -> PartitionSpec:
    possible = [(n, axis) for axis, n in enumerate(shape) if n % parts == 0 and n >= parts]
    if len(shape) < 2 or parts == 1 or not possible:
        return PartitionSpec()
    axis = max(possible)[1]
    return PartitionSpec(*("fsdp" if a == axis else None for a in range(len(shape))))


def place(mesh: Mesh, batch: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """This process's part of a batch (see `ClipLoader`) onto its devices, as a part of the global arrays."""
    sharding = batch_sharding(mesh)
    return {key: jax.make_array_from_process_local_data(sharding, value) for key, value in batch.items()}
