"""Recurrent networks against loops in double precision."""

import jax
import numpy as np
import pytest
from flax import nnx
from scipy.special import expit

from personalize.heads.networks.convlstm import ConvLSTMLayer
from personalize.heads.networks.network import Described, NetworkConfig, run, shapes
from personalize.heads.networks.recurrent import Memory, Stream, Streams
from personalize.heads.networks.stages import Mode

pytestmark = pytest.mark.usefixtures("compile_quickly")


def fill(module, seed):
    """Random numbers in all parameters."""
    rng = np.random.default_rng(seed)
    state = nnx.state(module, nnx.Param)
    nnx.update(module, jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32) / 2, state))
    return nnx.to_pure_dict(nnx.state(module, nnx.Param))


def convolved(x, kernel):
    """Sum over the cells around each cell, zeros beyond the edge: [h w c], [k k c d] -> [h w d]."""
    h, w, _ = x.shape
    k = len(kernel) // 2
    padded = np.pad(x, ((k, k), (k, k), (0, 0)))
    out = np.zeros((h, w, kernel.shape[-1]))
    for i in range(h):
        for j in range(w):
            for a in range(len(kernel)):
                for b in range(len(kernel)):
                    out[i, j] += padded[i + a, j + b] @ kernel[a, b]
    return out


@pytest.mark.parametrize("peepholes", [False, True])
def test_convlstm_follows_the_equations_of_shi_2015(peepholes):
    h, w, out = 5, 4, 3
    layer = ConvLSTMLayer(2, out, 3, (h, w) if peepholes else None, rngs=nnx.Rngs(0))
    given = jax.tree.map(lambda leaf: np.asarray(leaf, float), fill(layer, 1))
    x = np.random.default_rng(2).normal(size=(2, 4, h, w, 2))
    found = jax.jit(lambda x: layer(x))(x.astype(np.float32))
    to_i, to_f, to_o = given["peepholes"] if peepholes else np.zeros(3)
    for film, states in zip(x, found, strict=True):
        state = cell = np.zeros((h, w, out))
        for moment, expected in zip(film, states, strict=True):
            gates = convolved(moment, given["of_input"]["kernel"]) + convolved(state, given["of_state"]["kernel"])
            i, f, new, o = np.split(gates + given["of_input"]["bias"], 4, axis=-1)
            after = expit(f + to_f * cell) * cell + expit(i + to_i * cell) * np.tanh(new)
            state, cell = expit(o + to_o * after) * np.tanh(after), after
            np.testing.assert_allclose(expected, state, atol=1e-5)


def test_memories_read_forwards_and_backwards():
    memory = Memory(3, 4, both=True, rngs=nnx.Rngs(0))
    given, x = fill(memory, 1), np.random.default_rng(2).normal(size=(2, 5, 3))
    found = jax.jit(lambda x: memory(x, Mode()))(x.astype(np.float32))
    for way, part, order in (("forwards", found[:, :4], 1), ("backwards", found[:, 4:], -1)):
        weights, state, cell = given[way], np.zeros((2, 4)), np.zeros((2, 4))
        for moment in x.swapaxes(0, 1)[::order]:
            gates = moment @ weights["dense_i"]["kernel"] + state @ weights["dense_h"]["kernel"]
            i, f, new, o = np.split(gates + weights["dense_h"]["bias"], 4, axis=1)
            cell = expit(f) * cell + expit(i) * np.tanh(new)
            state = expit(o) * np.tanh(cell)
        np.testing.assert_allclose(part, state, atol=1e-5)


def test_the_forget_gate_starts_open():
    memory, layer = Memory(3, 4, both=False, rngs=nnx.Rngs(0)), ConvLSTMLayer(2, 4, 3, rngs=nnx.Rngs(0))
    for bias in (memory.forwards.dense_h.bias, layer.of_input.bias):
        np.testing.assert_array_equal(bias[...], np.repeat([0, 1, 0, 0], 4))


def test_streams_are_put_in_a_row_or_added():
    streams = (Stream((6,), hidden=4, dense=8), Stream((5, 5), kernel=3, hidden=3, both=False, dense=8))
    x = np.random.default_rng(1).normal(size=(3, 5, 2)).astype(np.float32)
    rng = np.random.default_rng(0)
    described = {merge: Described(NetworkConfig(Streams(streams=streams, merge=merge)), (5, 2), 1)
                 for merge in ("concat", "add")}  # fmt: skip
    model = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes(described["concat"]))
    row, both = (jax.jit(lambda model, x, one=one: run(one, model, x)[0].features) for one in described.values())
    row = row(model, x)
    assert row.shape == (3, 1, 16)
    outputs = {"bias": np.zeros(1, np.float32), "kernel": np.zeros((8, 1), np.float32)}
    added = model._replace(parameters={**model.parameters, "outputs": outputs})
    np.testing.assert_allclose(both(added, x), row[..., :8] + row[..., 8:], rtol=1e-6)
    with pytest.raises(ValueError, match="one width"):
        Streams(streams=(Stream(dense=8), Stream(dense=9)), merge="add")
