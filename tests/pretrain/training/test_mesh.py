"""What is cut up, and along which axis."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType
from jax.sharding import PartitionSpec as P

from pretrain.errors import UserError
from pretrain.training.mesh import AXES, batch_sharding, make_mesh, place, state_sharding


def mesh_of(data, fsdp):
    return AbstractMesh((data, fsdp), AXES, axis_types=(AxisType.Auto,) * 2)


@pytest.mark.parametrize(
    ("shape", "spec"),
    [
        ((), P()),
        ((8,), P()),  # biases are small, and needed whole
        ((16, 8), P("fsdp", None)),
        ((8, 8), P(None, "fsdp")),
        ((12, 6, 7), P("fsdp", None, None)),
        ((3, 6, 8), P(None, None, "fsdp")),
        ((3, 9, 4), P(None, None, "fsdp")),  # 9 is larger, and 4 does not divide it
        ((3, 5), P()),
        ((0, 3), P()),
    ],
)
def test_arrays_are_cut_along_the_largest_axis_that_fits(shape, spec):
    sharding = state_sharding(mesh_of(2, 4), {"x": jax.ShapeDtypeStruct(shape, jnp.float32)})["x"]
    assert sharding.spec == spec


def test_without_fsdp_everything_is_replicated():
    assert state_sharding(mesh_of(8, 1), [jax.ShapeDtypeStruct((8, 8), jnp.float32)])[0].spec == P()


def test_every_device_has_its_own_rows():
    assert batch_sharding(mesh_of(2, 4)).shard_shape((16, 3)) == (2, 3)


def test_mesh_that_the_devices_cannot_make_is_one_line():
    with pytest.raises(UserError, match=r"fsdp=3 does not divide 1 devices"):
        make_mesh(3)


def test_placed_is_what_was_drawn():
    batch = {"a": np.arange(6).reshape(3, 2), "b": np.ones(3, bool)}
    placed = place(make_mesh(), batch)
    assert all((np.asarray(placed[k]) == batch[k]).all() for k in batch)
    assert placed["a"].sharding == batch_sharding(make_mesh())
