"""The video transformer: against a naive one, token order, dropped tubes, remat, sizes."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from pretrain.encoders.encoder import make_encoder
from pretrain.encoders.vit import SIZES, VideoViTConfig

SMALL = {"width": 16, "depth": 2, "heads": 2, "tubelet": (2, 8, 8), "frames": 4, "size": 16}
CONFIGS = {order: VideoViTConfig(**SMALL, attention=order) for order in ("joint", "factorised")}
both = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


@functools.cache
def fresh(config):
    """Parameters; jitted, since one by one they take long."""
    return jax.jit(lambda: nnx.state(make_encoder(config, rngs=nnx.Rngs(0)), nnx.Param))()


def net(config):
    return nnx.merge(nnx.graphdef(nnx.eval_shape(lambda: make_encoder(config, rngs=nnx.Rngs(0)))), fresh(config))


@functools.cache
def program(config):
    """The encoder as one program of its parameters, the clips and the cells that are kept."""
    graph = nnx.graphdef(net(config))
    return jax.jit(lambda params, x, keep: nnx.merge(graph, params)(x, keep))


def encode(config, x, keep=None, params=None):
    params = numbers(net(config)) if params is None else params
    return program(config)(params, x, None if keep is None else jnp.array(keep))


def numbers(model):
    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


def some_clips(n=2, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(n, 4, 16, 16, 1)), jnp.float32)


def naive_norm(p, x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * p["scale"] + p["bias"]


def naive_attention(p, rows, heads):
    """Of one row of tokens [n d], a query and a head at a time."""
    d = rows.shape[1]
    parts = naive_norm(p["norm"], rows) @ p["qkv"]["kernel"] + p["qkv"]["bias"]
    gathered = np.zeros_like(rows)
    for head in range(heads):
        where = np.arange(d // heads) + head * (d // heads)
        q, k, v = (parts[:, i * d + where] for i in range(3))
        for i in range(len(rows)):
            logits = np.array([q[i] @ k[j] / np.sqrt(d // heads) for j in range(len(rows))])
            share = np.exp(logits - logits.max())
            gathered[i, where] = (share / share.sum()) @ v
    return rows + gathered @ p["out"]["kernel"] + p["out"]["bias"]


def naive_vector(config, p, clip, cells):
    """Of one clip, cell by cell: the cells of the grid that are looked at are named by `cells`."""
    (t, h, w), (times, rows, columns) = config.tubelet, config.cells
    grid = np.zeros((times, len(cells), config.width))
    where = np.zeros_like(grid)
    for time in range(times):
        for i, cell in enumerate(cells):
            r, c = divmod(cell, columns)
            pixels = clip[time * t : (time + 1) * t, r * h : (r + 1) * h, c * w : (c + 1) * w].reshape(-1)
            token = time * rows * columns + cell
            grid[time, i] = pixels @ p["embed"]["kernel"] + p["embed"]["bias"] + p["position"][token]
            where[time, i] = p["look"][token]
    for layer in range(config.depth):
        block = jax.tree.map(lambda x, n=layer: x[n], p["blocks"])
        if config.attention == "joint":
            grid = naive_attention(block["attention"], grid.reshape(-1, config.width), config.heads).reshape(grid.shape)
        else:
            grid = np.stack([naive_attention(block["attention"], moment, config.heads) for moment in grid])
            places = [naive_attention(block["attention_in_time"], grid[:, i], config.heads) for i in range(len(cells))]
            grid = np.stack(places, axis=1)
        inner = naive_norm(block["norm"], grid) @ block["up"]["kernel"] + block["up"]["bias"]
        inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
        grid = grid + inner @ block["down"]["kernel"] + block["down"]["bias"]
    return (naive_norm(p["norm"], grid) * where).sum((0, 1))


@both
@pytest.mark.parametrize("keep", [None, [[3, 0, 2], [1, 2, 0]]], ids=["whole", "dropped"])
def test_naive_loop_gives_the_same(config, keep):
    x, p = some_clips(), jax.tree.map(np.asarray, numbers(net(config)))
    found = encode(config, x, keep)
    cells = [range(4)] * 2 if keep is None else keep
    expected = [naive_vector(config, p, np.asarray(clip), c) for clip, c in zip(x, cells, strict=True)]
    np.testing.assert_allclose(found.vector, expected, atol=2e-5)


def test_tubelets_are_in_space_time_order():
    x = jnp.arange(4 * 16 * 16, dtype=jnp.float32).reshape(1, 4, 16, 16, 1)
    cells = np.asarray(net(CONFIGS["joint"])._tubelets(x))
    assert cells.shape == (1, 2, 4, 2 * 8 * 8)
    expected = np.asarray(x)[0, 2:4, 0:8, 8:16, 0].reshape(-1)  # second half in time, top row, right column
    assert (cells[0, 1, 1] == expected).all()


def test_one_moment_without_its_attention_in_time_is_joint_attention():
    one, x = SMALL | {"frames": 2}, some_clips()[:, :2]
    joint, factorised = (VideoViTConfig(**one, attention=order) for order in ("joint", "factorised"))
    p = numbers(net(factorised))
    p["blocks"]["attention_in_time"] = jax.tree.map(jnp.zeros_like, p["blocks"]["attention_in_time"])
    expected = encode(factorised, x, params=p).vector
    del p["blocks"]["attention_in_time"]
    np.testing.assert_allclose(expected, encode(joint, x, params=p).vector, atol=1e-6)


@both
def test_keeping_all_cells_changes_nothing(config):
    x, whole = some_clips(), encode(config, some_clips())
    in_order, turned = (encode(config, x, [order] * 2) for order in ([0, 1, 2, 3], [3, 2, 1, 0]))
    np.testing.assert_allclose(in_order.tokens, whole.tokens, atol=1e-6)
    np.testing.assert_allclose(turned.vector, whole.vector, atol=1e-5)
    assert in_order.maps is None


@both
def test_tokens_of_kept_cells_are_time_by_time(config):
    kept, turned = (encode(config, some_clips(), [order] * 2).tokens for order in ([2, 1, 0], [0, 1, 2]))
    np.testing.assert_allclose(kept.reshape(2, 2, 3, 16), turned.reshape(2, 2, 3, 16)[:, :, ::-1], atol=1e-6)
    assert kept.shape == (2, 2 * 3, 16)


@both
def test_dropped_cells_are_not_seen(config):
    x, keep = some_clips(), [[0, 1, 2]] * 2
    dropped, kept = x.at[:, :, 8:, 8:].set(9.0), x.at[:, :, :8].set(9.0)
    np.testing.assert_array_equal(encode(config, x, keep).vector, encode(config, dropped, keep).vector)
    assert not np.allclose(encode(config, x).vector, encode(config, dropped).vector)
    assert not np.allclose(encode(config, x, keep).vector, encode(config, kept, keep).vector)


@pytest.mark.long
@both
def test_remat_gives_the_same_values_and_gradient(config):
    def both_of(config):
        graph, params = nnx.split(net(config), nnx.Param)
        return jax.jit(jax.value_and_grad(lambda p: (nnx.merge(graph, p)(some_clips()).vector ** 2).sum()))(params)

    plain, remat = both_of(config), both_of(VideoViTConfig(**SMALL, attention=config.attention, remat=True))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), *(jax.tree.leaves(x) for x in (plain, remat))
    )


def parameters(config):
    encoder = nnx.eval_shape(lambda: make_encoder(config, rngs=nnx.Rngs(0)))
    state = nnx.state(encoder, nnx.Param)
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(nnx.to_pure_dict(state)))


@pytest.mark.parametrize(("name", "millions"), [("tiny", 5.5), ("small", 21.6), ("base", 86.0), ("large", 303.5)])
@pytest.mark.parametrize("order", ["joint", "factorised"])
def test_sizes_have_the_usual_parameter_counts(name, millions, order):
    """Of the usual ViT with 16 x 16 patches, counted without its class token and classifier."""
    config = VideoViTConfig(**SIZES[name], frames=1, size=224, tubelet=(1, 16, 16), channels=3, attention=order)
    d, depth, tokens, pixels = config.width, config.depth, 14 * 14, 16 * 16 * 3
    attention, perceptron = 4 * d**2 + 4 * d + 2 * d, 8 * d**2 + 5 * d + 2 * d
    block = perceptron + attention * (2 if order == "factorised" else 1)
    assert parameters(config) == (pixels + 1) * d + 2 * tokens * d + depth * block + 2 * d
    if order == "joint":
        assert abs(parameters(config) / 1e6 - millions) < 0.02 * millions


@pytest.mark.parametrize("wrong", [{"size": 50}, {"frames": 5}, {"width": 97}, {"attention": "sparse"}])
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValidationError):
        VideoViTConfig(**wrong)
