"""The step and the encoder can be lowered for devices that are not here, for one and for eight."""

import functools

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AbstractMesh, AxisType

from pretrain.training.mesh import AXES, batch_sharding
from pretrain.training.step import abstract_batch, abstract_state, embed_program, step_programs
from tests.support.small import small

CONFIG = {"batch__tracks": 16, "batch__accumulate": 2, "masked__weight": 0.1, "ema": 0.9, "precision": "bfloat16"}


@functools.cache
def traced(data, fsdp):
    config = small(**CONFIG)
    mesh = AbstractMesh((data, fsdp), AXES, axis_types=(AxisType.Auto,) * 2)
    state, batch = abstract_state(config, mesh), abstract_batch(config, mesh, 32)
    look, update = step_programs(config, mesh)
    looked = look.trace(state["step"], batch)
    views = jax.tree.map(
        lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=batch_sharding(mesh)), looked.out_info
    )
    frames = jax.ShapeDtypeStruct((8, 4, 32, 32, 1), jnp.uint8, sharding=batch_sharding(mesh))
    return {
        "look": looked,
        "update": update.trace(state, views, {k: v for k, v in batch.items() if k != "frames"}),
        "embed": embed_program(config, mesh).trace(state["params"], frames),
    }


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize(("data", "fsdp"), [(1, 1), (4, 2)])
def test_lowers(platform, data, fsdp):
    for name, program in traced(data, fsdp).items():
        text = program.lower(lowering_platforms=(platform,)).as_text()
        assert f"mhlo.num_partitions = {data * fsdp} : i32" in text
        if data * fsdp > 1:
            assert '"data"=4, "fsdp"=2' in text
            assert ('{"fsdp"}' in text) == (name != "look")  # parameters are cut along fsdp alone
