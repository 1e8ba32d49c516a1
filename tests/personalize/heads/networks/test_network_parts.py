"""Networks of the studies: published shapes and counts, and what a difference to a reference is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from personalize.heads.networks.convlstm import ConvLSTM
from personalize.heads.networks.films import Frames
from personalize.heads.networks.inception import Inception
from personalize.heads.networks.network import REZAEI, Described, NetworkConfig, initial, run, shapes
from personalize.heads.networks.pictures import Blocks
from personalize.heads.networks.recurrent import Stream, Streams
from personalize.heads.networks.stages import Mode
from pretrain.errors import UserError

pytestmark = pytest.mark.usefixtures("compile_quickly")
SMALL = Blocks(
    channels=(4, 6, 6), convolutions=(1, 1, 1), kernel=3, stride=2, padding="VALID", norm="batch", vector="cells"
)
PLACES = ["input", "block_1", "block_2", "block_3", "vector", "features"]


def answer(described, model, x, key=None):
    """The network's answer and its statistics after it, as one program."""
    return jax.jit(lambda model, x: run(described, model, x, key))(model, x)


def parameters(described):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(described).parameters))


def filled(described, seed=0):
    """Every parameter random, biases too."""
    rng = np.random.default_rng(seed)
    random = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32) / 5, shapes(described))
    return random._replace(statistics=jax.tree.map(np.abs, random.statistics))


@pytest.mark.parametrize(("outputs", "count"), [(40, 1_546_800), (7, 1_540_167)])
def test_rezaei_has_the_published_number_of_parameters(outputs, count):
    assert parameters(Described(REZAEI, (160, 160), outputs)) == count


def test_rezaei_has_the_published_shapes():
    def sizes(key):
        network = Described(REZAEI, (160, 160), 7).make(nnx.Rngs(key)).stages
        x, found = jnp.zeros((1, 160, 160)), []
        for name in network.order:
            x = network.parts[name](x, Mode())
            found.append(jnp.zeros(x.shape[1:]))
        return found

    found = [leaf.shape for leaf in jax.eval_shape(sizes, jax.random.key(0))]
    assert found == [(78, 78, 64), (35, 35, 128), (13, 13, 128), (4608,), (200,)]
    assert [78 // 2, 35 // 2, 13 // 2] == [39, 17, 6]  # what the poolings in between leave: 39 - 4 = 35, 17 - 4 = 13


@pytest.mark.parametrize(
    ("config", "shape", "outputs", "count"),
    [
        (NetworkConfig(dense=(17,)), (17,), 1, 324),
        (NetworkConfig(ConvLSTM(channels=(32,))), (4, 8, 8, 3), 1, 40_448 + 33),
        (NetworkConfig(ConvLSTM(channels=(32, 64))), (4, 8, 8, 3), 1, 40_448 + 221_440 + 65),
        # 5 frames x 3 scores; convolutions, memories (one bias per gate), dense layer, outputs
        (
            NetworkConfig(Streams(streams=(Stream((256, 128), hidden=32, dense=64),))), (5, 3), 5,
            (3 * 256 + 256) + (256 * 128 + 128) + 2 * 4 * (32 * (128 + 32) + 32) + (64 * 64 + 64) + 5 * 65,
        ),
        (NetworkConfig(Blocks(channels=(8,), convolutions=(2,))), (8, 8, 3), 2, (27 * 8 + 8) + (72 * 8 + 8) + 2 * 9),
        (
            NetworkConfig(Inception(stem=4, channels=(8,), norm="none")), (16, 16), 3,
            (9 * 4 + 4) + (36 * 4 + 4) + 4 * (4 * 2 + 2) + 3 * (18 * 2 + 2) + 3 * 9,
        ),
    ],
)  # fmt: skip
def test_numbers_of_parameters_in_closed_form(config, shape, outputs, count):
    assert parameters(Described(config, shape, outputs)) == count


@pytest.mark.parametrize("place", PLACES)
def test_a_face_against_itself_gives_a_constant_that_only_biases_make(place):
    described = Described(NetworkConfig(SMALL, dense=(5,), difference=place), (64, 64), 3)
    model = filled(described)
    x = np.random.default_rng(1).random((4, 64, 64), np.float32)
    same, other = np.stack([x, x], axis=1), np.stack([x, np.roll(x, 1, axis=0)], axis=1)
    program = jax.jit(lambda model, x: run(described, model, x)[0].values)
    found = np.asarray(program(model, same))
    np.testing.assert_allclose(found, np.broadcast_to(found[:1], found.shape), atol=1e-6)
    assert np.ptp(np.asarray(program(model, other)), axis=0).max() > 1e-3
    # kernels below the difference, and its statistics there, do not matter
    below = [*PLACES[1:-1], "dense_1"][: PLACES.index(place)]
    changed = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf * 3 if any(getattr(key, "key", "") in below for key in path) else leaf, model
    )
    np.testing.assert_allclose(np.asarray(program(changed, same)), found, atol=1e-6)


def test_each_of_several_references_gives_the_answer_that_it_gives_alone():
    described = Described(NetworkConfig(SMALL, dense=(5,), difference="block_1"), (64, 64), 2)
    model, x = filled(described), np.random.default_rng(1).random((3, 4, 64, 64), np.float32)
    program = jax.jit(lambda x: run(described, model, x)[0])
    together = program(x)
    assert together.values.shape == (3, 3, 2) and together.features.shape == (3, 3, 5)
    for k in range(3):
        alone = program(x[:, [0, k + 1]])
        np.testing.assert_allclose(together.values[:, [k]], alone.values, atol=1e-5)
        np.testing.assert_allclose(together.features[:, [k]], alone.features, atol=1e-5)


def test_target_and_reference_are_normalised_by_statistics_of_their_own():
    """As the released network does: the first block is called twice, the running means move twice."""
    described = Described(NetworkConfig(SMALL, difference="block_1"), (64, 64), 1)
    model, x = filled(described), np.random.default_rng(1).random((8, 2, 64, 64), np.float32)
    after = answer(described, model, x, jax.random.key(0))[1]
    conv = model.parameters["stages"]["parts"]["block_1"]["units"]["parts"]["conv_1"]["conv"]
    means = []
    for part in (x[:, 0], x[:, 1]):
        windows = np.lib.stride_tricks.sliding_window_view(part, (3, 3), axis=(1, 2))[:, ::2, ::2]
        means.append(
            np.einsum("nyxij,ijo->o", windows, conv["kernel"][:, :, 0]) / windows[..., 0, 0].size + conv["bias"]
        )
    path = ("stages", "parts", "block_1", "units", "parts", "conv_1", "norm", "mean")
    before, now = model.statistics, after
    for key in path:
        before, now = before[key], now[key]
    np.testing.assert_allclose(now, 0.9 * (0.9 * before + 0.1 * means[0]) + 0.1 * means[1], atol=1e-5)


def test_frames_without_memory_vote_as_they_would_alone():
    pictures = Blocks(channels=(4,), convolutions=(1,))
    film = Described(NetworkConfig(Frames(pictures=pictures)), (3, 8, 8), 2)
    model, x = filled(film), np.random.default_rng(1).random((2, 3, 8, 8), np.float32)
    votes = answer(film, model, x)[0].values
    assert votes.shape == (2, 3, 2)
    stages = {name: {"parts": part["pictures"]["parts"]} for name, part in model.parameters["stages"]["parts"].items()}
    alone = model._replace(parameters={**model.parameters, "stages": stages["frames"]}, statistics={})
    picture = Described(NetworkConfig(pictures), (8, 8), 2)
    for t in range(3):
        np.testing.assert_allclose(votes[:, [t]], answer(picture, alone, x[:, t])[0].values, atol=1e-5)


def test_a_memory_reads_frames_in_order():
    described = Described(
        NetworkConfig(Frames(pictures=Blocks(channels=(4,), convolutions=(1,)), memory=6)), (3, 8, 8), 2
    )
    model, x = filled(described), np.random.default_rng(1).random((2, 3, 8, 8), np.float32)
    program = jax.jit(lambda x: run(described, model, x)[0].values)
    assert program(x).shape == (2, 1, 2)
    assert np.abs(program(x) - program(x[:, ::-1])).max() > 1e-4


def test_dropout_drops_in_training_alone():
    described = Described(NetworkConfig(dense=(50,), dropout=0.5), (40,), 1)
    model, x = filled(described), np.ones((1, 40), np.float32)
    calm = answer(described, model, x)[0].values
    found = [answer(described, model, x, jax.random.key(i))[0].values for i in (0, 0, 1)]
    assert (found[0] == found[1]).all() and (found[0] != found[2]).any() and (found[0] != calm).any()
    assert (answer(described, model, x)[0].values == calm).all()


def test_an_unknown_stage_is_refused_with_the_nearest_one():
    with pytest.raises(UserError, match=r"no stage is called 'block1'; did you mean 'block_1'\?"):
        shapes(Described(NetworkConfig(SMALL, difference="block1"), (64, 64), 1))


@pytest.mark.parametrize("trunk", [SMALL, Blocks()])
def test_pictures_that_pooling_leaves_nothing_of_are_refused(trunk):
    with pytest.raises(UserError, match="too small for this network"):
        shapes(Described(NetworkConfig(trunk), (7, 7), 1))


def test_stages_and_shapes_agree_with_the_start():
    described = Described(
        NetworkConfig(ConvLSTM(channels=(4, 4), stride=2, peepholes=True, vector="cells")), (3, 15, 16), 2
    )
    model = jax.jit(lambda: initial(described, jax.random.key(0)))()
    assert jax.tree.map(np.shape, model) == jax.tree.map(np.shape, shapes(described))
    assert model.parameters["outputs"]["kernel"].shape == (2 * 2 * 4, 2)
    holes = [model.parameters["stages"]["parts"][f"layer_{i}"]["layer"]["peepholes"].shape for i in (1, 2)]
    assert holes == [(3, 8, 8, 4), (3, 4, 4, 4)]
