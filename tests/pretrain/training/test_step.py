"""The step on one device; `test_distributed` has it on several, `test_lowering` on devices that are not here."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AbstractMesh, AxisType

from pretrain.errors import UserError
from pretrain.training.mesh import AXES, make_mesh
from pretrain.training.step import abstract_state, evaluated, init_state, make_embed, place, step_programs
from tests.support.batches import random_batch
from tests.support.small import small

STEPS = 3
FROZEN = "encoder/blocks/0/*"


def by_path(tree):
    return {
        jax.tree_util.keystr(p, simple=True, separator="/"): np.asarray(x) for p, x in jax.tree.leaves_with_path(tree)
    }


@functools.cache
def trained(**changes):
    """States 0 to 3 on the host, the metrics of every step, and the programs."""
    config = small(
        contrastive__weight=0.0, ema=0.5, optimizer__clip_norm=1e9, optimizer__freeze=f'["{FROZEN}"]', **changes
    )
    mesh = make_mesh()
    look, update = step_programs(config, mesh)
    drawn = random_batch(config)
    batch, state = place(mesh, drawn | {"known": np.ones_like(drawn["known"])}), init_state(config, mesh)
    rest = {k: v for k, v in batch.items() if k != "frames"}
    states, metrics = [jax.tree.map(np.array, state)], []
    for _ in range(STEPS):
        state, found = update(state, look(state["step"], batch), rest)
        states.append(jax.tree.map(np.array, state))
        metrics.append(found)
    return states, metrics, (look, update)


def test_each_program_is_compiled_once():
    _, _, programs = trained()
    assert [program._cache_size() for program in programs] == [1, 1]


def test_steps_are_counted_and_the_rate_follows_the_schedule():
    states, metrics, _ = trained()
    assert [int(s["step"]) for s in states] == [0, 1, 2, 3]
    np.testing.assert_allclose([float(m["learning_rate"]) for m in metrics], [0, 7.5e-4, 1.5e-3], rtol=1e-6)


def test_what_is_frozen_stays_and_the_rest_moves():
    states, _, _ = trained()
    before, after = by_path(states[0]["params"]), by_path(states[-1]["params"])
    assert sum(path.startswith("encoder/blocks/") for path in before) == 12
    for path in before:
        if path.startswith("encoder/blocks/"):
            assert (before[path][0] == after[path][0]).all()
            assert not (before[path][1] == after[path][1]).all()
    assert not (before["encoder/embed/kernel"] == after["encoder/embed/kernel"]).all()
    assert not (by_path(states[1]["opt_state"])["1/mu/encoder/blocks/up/kernel"][0]).any()


def test_running_mean_warms_up_to_its_decay():
    states, _, _ = trained()
    mean = states[0]["params"]
    for t, state in enumerate(states[1:]):
        decay = min(0.5, (1 + t) / (10 + t))
        mean = jax.tree.map(lambda m, p, d=decay: d * m + (1 - d) * p, mean, state["params"])
        for a, b in zip(jax.tree.leaves(mean), jax.tree.leaves(state["ema"]), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert evaluated(state) is state["ema"]
    assert evaluated({"params": 1}) == 1


def test_pairwise_gradient_is_the_same_in_parts():
    whole, parts = trained(), trained(batch__accumulate=2)
    np.testing.assert_allclose(float(whole[1][0]["loss"]), float(parts[1][0]["loss"]), rtol=1e-5)
    # after one step Adam's first moment is a tenth of the gradient
    whole, parts = (by_path(t[0][1]["opt_state"][1].mu) for t in (whole, parts))
    assert max(np.abs(x).max() for x in whole.values()) > 0.01
    for path in whole:
        np.testing.assert_allclose(whole[path], parts[path], atol=1e-6, rtol=1e-4, err_msg=path)


def test_bfloat16_computes_with_parameters_and_losses_in_float32():
    states, metrics, _ = trained(precision="bfloat16")
    floats = {x.dtype for x in jax.tree.leaves((states[-1], metrics[-1])) if jnp.issubdtype(x.dtype, jnp.floating)}
    assert floats == {np.dtype(np.float32)}
    exact, rounded = (np.array([float(m["loss"]) for m in t[1]]) for t in (trained(), trained(precision="bfloat16")))
    np.testing.assert_allclose(rounded, exact, rtol=0.02)
    assert (rounded != exact).all()


def test_batch_that_devices_cannot_share_is_one_line():
    mesh = AbstractMesh((4, 2), AXES, axis_types=(AxisType.Auto,) * 2)
    with pytest.raises(UserError, match=r"batch.tracks=4 cannot be shared among 8 devices$"):
        step_programs(small(), mesh)
    with pytest.raises(UserError, match=r"among 8 devices in batch.accumulate=2 parts"):
        step_programs(small(batch__tracks=8, batch__accumulate=2), mesh)


def test_abstract_state_is_that_of_a_fresh_one():
    config = small(ema=0.9)
    fresh, abstract = init_state(config, make_mesh()), abstract_state(config, make_mesh())
    assert jax.tree.map(lambda x: (x.shape, x.dtype, x.sharding), fresh) == jax.tree.map(
        lambda x: (x.shape, x.dtype, x.sharding), abstract
    )
    features = make_embed(config, make_mesh())(evaluated(fresh), np.zeros((3, 4, 32, 32, 1), np.uint8))
    assert features.shape == (3, 32)
