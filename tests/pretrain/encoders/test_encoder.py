"""What every encoder keeps to: shapes, types, maps, order of time, gradients, lowering for every device."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import make_encoder
from pretrain.encoders.frames import FrameConfig
from pretrain.encoders.vit import VideoViTConfig

INPUT = {"frames": 4, "size": 24, "channels": 2, "width": 16}
VIT = INPUT | {"depth": 2, "heads": 2, "tubelet": (2, 8, 8)}
CONFIGS = {
    "joint": VideoViTConfig(**VIT),
    "factorised": VideoViTConfig(**VIT, attention="factorised"),
    "conv": ConvConfig(**INPUT, stages=(8, 16, 24)),
    "frames": FrameConfig(**INPUT, stages=(8, 16, 24), heads=2),
}
every = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
CELLS = {"joint": (2, 3, 3), "factorised": (2, 3, 3), "conv": (1, 3, 3), "frames": (4, 3, 3)}
INTERMEDIATES = {
    "joint": {f"block_{i:02d}": (2, 2, 3, 3, 16) for i in range(2)},
    "factorised": {f"block_{i:02d}": (2, 2, 3, 3, 16) for i in range(2)},
    "conv": {"stage_0": (2, 1, 12, 12, 8), "stage_1": (2, 1, 6, 6, 16), "stage_2": (2, 1, 3, 3, 24)},
    "frames": {"stage_0": (2, 4, 12, 12, 8), "stage_1": (2, 4, 6, 6, 16), "stage_2": (2, 4, 3, 3, 24)}
    | {"frames": (2, 4, 16), "block_00": (2, 4, 16), "block_01": (2, 4, 16)},
}


def make(config, dtype):
    return nnx.split(make_encoder(config, rngs=nnx.Rngs(0), dtype=dtype), nnx.Param)


@functools.cache
def split(config, dtype=jnp.float32):
    """What is not a number of an encoder, and its parameters; jitted, since one by one they take long."""
    graph, _ = nnx.eval_shape(lambda: make(config, dtype))
    return graph, jax.jit(lambda: nnx.to_pure_dict(make(config, dtype)[1]))()


@functools.cache
def net(config, dtype=jnp.float32):
    """The encoder and all its intermediates, as one program of its parameters: to fold them in takes long."""
    graph, params = split(config, dtype)
    program = jax.jit(lambda params, x: nnx.merge(graph, params)(x, intermediates=True))
    return functools.partial(program, params)


def some_clips(n=2):
    return jnp.asarray(np.random.default_rng(0).normal(size=(n, 4, 24, 24, 2)), jnp.float32)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", CONFIGS)
def test_shapes_and_float32_throughout(name, dtype):
    config = CONFIGS[name]
    features = net(config, dtype)(some_clips())
    assert config.cells == CELLS[name]
    assert features.vector.shape == (2, config.width)
    assert features.maps.shape == (2, *config.cells, config.width)
    assert {k: x.shape for k, x in features.intermediates.items()} == INTERMEDIATES[name]
    assert {x.dtype for x in jax.tree.leaves(features)} == {jnp.dtype(jnp.float32)}
    assert {x.dtype for x in jax.tree.leaves(split(config, dtype)[1])} == {jnp.dtype(jnp.float32)}
    np.testing.assert_array_equal(features.tokens, features.maps.reshape(2, -1, config.width))


@pytest.mark.parametrize("name", ["conv", "frames"])
def test_sizes_that_are_not_a_multiple_fit_as_well(name):
    config = CONFIGS[name]
    odd = type(config)(**INPUT | {"size": 25}, stages=(8, 16), **({"heads": 2} if config.kind == "frames" else {}))
    assert net(odd)(jnp.zeros((1, 4, 25, 25, 2))).maps.shape == (1, *odd.cells, 16)


@every
def test_asking_for_intermediates_changes_nothing(config):
    graph, params = split(config)
    plain = jax.jit(lambda params, x: nnx.merge(graph, params)(x))(params, some_clips())
    assert plain.intermediates == {}
    np.testing.assert_allclose(net(config)(some_clips()).vector, plain.vector, atol=1e-6)


@pytest.mark.long
@every
def test_bfloat16_is_used_and_close(config):
    (graph, params), (half, _) = split(config), split(config, jnp.bfloat16)
    x = some_clips(8)
    full, rounded = (net(config, dtype)(x).vector for dtype in (jnp.float32, jnp.bfloat16))
    error = np.abs(np.asarray(full - rounded)).max() / np.asarray(full).std()
    assert 1e-5 < error < 0.1
    jaxprs = [str(jax.make_jaxpr(lambda p, g=g: nnx.merge(g, p)(x).vector)(params)) for g in (graph, half)]
    assert ["bf16" in j for j in jaxprs] == [False, True]


@every
def test_a_batch_is_encoded_clip_by_clip(config):
    model, x = net(config), some_clips()
    np.testing.assert_allclose(model(x).vector[1:2], model(x[1:2]).vector, atol=1e-5)


@every
def test_order_of_time_matters(config):
    model, x = net(config), some_clips()
    assert np.abs(np.asarray(model(x).vector - model(x[:, ::-1]).vector)).max() > 0.01


@pytest.mark.parametrize("name", ["conv", "frames"])
def test_a_spot_stays_where_it_is(name):
    """On an empty picture, only the cells over it and their neighbours differ from the background."""
    spot = jnp.zeros((2, 4, 24, 24, 2)).at[:, -1:, 16:, :6].set(some_clips()[:, -1:, 16:, :6])
    map_ = np.asarray(net(CONFIGS[name])(spot).intermediates["stage_0"])[0, -1]
    rows, columns = np.nonzero(np.abs(map_ - map_[0, -1]).max(-1) > 1e-6)
    assert rows.min() in (7, 8)
    assert rows.max() == 11
    assert columns.min() == 0
    assert columns.max() in (2, 3)


@pytest.mark.parametrize("name", ["joint", "factorised", "conv"])
def test_vector_is_the_map_looked_at(name):
    features = net(CONFIGS[name])(some_clips())
    where = split(CONFIGS[name])[1]["look"].reshape(*CELLS[name], -1)
    np.testing.assert_allclose(features.vector, jnp.einsum("bthwd,thwd->bd", features.maps, where), atol=1e-5)


def test_frames_are_encoded_alike_and_their_vectors_are_their_maps_looked_at():
    model, x = net(CONFIGS["frames"]), some_clips()
    features = model(x)
    np.testing.assert_allclose(model(x[:, ::-1]).maps, features.maps[:, ::-1], atol=1e-5)
    graph, params = split(CONFIGS["frames"])
    where = params["look"].reshape(3, 3, -1)
    frames = jnp.einsum("bthwd,hwd->btd", features.maps, where)
    np.testing.assert_allclose(features.intermediates["frames"], frames, atol=1e-5)
    over_time = jax.jit(lambda p, x: nnx.merge(graph, p)._over_time(x, collect=False)[0])
    np.testing.assert_allclose(features.vector, over_time(params, frames), atol=1e-5)


@every
def test_gradient_is_finite_and_reaches_every_parameter(config):
    graph, params = split(config)
    gradient = jax.jit(jax.grad(lambda p, x: (nnx.merge(graph, p)(x).vector ** 2).sum()))(params, some_clips())
    for path, leaf in jax.tree_util.tree_flatten_with_path(gradient)[0]:
        assert np.isfinite(leaf).all(), path
        assert np.abs(leaf).max() > 0, path


@every
def test_paths_of_parameters_are_words(config):
    """Checkpoints and patterns of paths know no numbers."""
    for path, _ in jax.tree_util.tree_flatten_with_path(split(config)[1])[0]:
        assert all(isinstance(key.key, str) for key in path)


@pytest.mark.parametrize("name", ["conv", "frames"])
def test_encoders_of_whole_pictures_refuse_to_drop(name):
    with pytest.raises(ValueError, match="cannot drop"):
        graph, params = split(CONFIGS[name])
        nnx.merge(graph, params)(some_clips(), jnp.array([[0], [1]]))
    assert not CONFIGS[name].can_drop


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@every
def test_training_and_features_lower_for_every_device(config, dtype):
    encoder = nnx.eval_shape(lambda: make_encoder(config, rngs=nnx.Rngs(0), dtype=dtype, platform="cpu"))
    graph, params = nnx.split(encoder, nnx.Param)
    params = nnx.to_pure_dict(params)

    def program(params, clips):
        def loss(p):
            features = nnx.merge(graph, p)(clips, intermediates=True)
            return (features.vector**2).sum(), (features.maps, features.intermediates)

        return jax.value_and_grad(loss, has_aux=True)(params)

    clips = jax.ShapeDtypeStruct((2, 4, 24, 24, 2), jnp.float32)
    for platform in ("cpu", "cuda", "tpu"):
        exported = jax.export.export(jax.jit(program), platforms=[platform])(params, clips)
        assert exported.platforms == (platform,)


def test_dropping_lowers_for_every_device():
    graph, params = split(CONFIGS["factorised"])
    program = jax.jit(lambda p, x, keep: nnx.merge(graph, p)(x, keep).vector)
    exported = jax.export.export(program, platforms=["cpu", "cuda", "tpu"])(
        params, some_clips(), jnp.array([[0, 4]] * 2)
    )
    assert exported.out_avals[0].shape == (2, 16)


def test_parameter_counts_of_the_compact_encoders():
    def count(config):
        return sum(x.size for x in jax.tree.leaves(nnx.eval_shape(lambda: make(config, jnp.float32))[1]))

    stages, width, side = (32, 64, 96, 128), 128, 3
    inner = sum(9 * a * b for a, b in itertools.pairwise(stages)) + 2 * sum(stages)
    head = (stages[-1] + 1) * width + 2 * width + side**2 * width
    assert count(ConvConfig(size=48)) == 9 * 8 * stages[0] + inner + head
    time = 2 * 8 * width + 2 * (12 * width**2 + 13 * width) + 2 * width
    assert count(FrameConfig(size=48)) == 9 * stages[0] + inner + head + time
