"""Views, and the weighted sum of the objectives: each by its name, each as it would be alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from pipelines.configuration import override
from pretrain.config import PretrainConfig
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.frames import FrameConfig
from pretrain.errors import UserError
from pretrain.objectives.gauges import alignment, feature_std, uniformity, within_track_share
from pretrain.training.losses import make_loss, make_views
from pretrain.training.networks import Networks, graph
from tests.support import naive_objectives as naive
from tests.support.batches import SMALL, random_batch


def small(**changes):
    return override(PretrainConfig(), SMALL | {k.replace("__", "."): str(v) for k, v in changes.items()})


def only(name, **changes):
    weights = {f"{n}__weight": float(n == name) for n in ("contrastive", "pairwise", "masked")}
    return small(**weights | changes)


def begin(config):
    """Parameters, views and batch of a first step."""
    params = jax.jit(lambda: nnx.to_pure_dict(nnx.state(Networks(config, rngs=nnx.Rngs(0)), nnx.Param)))()
    batch = random_batch(config)
    return params, jax.jit(make_views(config))(jax.random.key(0), batch), batch


def losses(config):
    params, views, batch = begin(config)
    return jax.jit(make_loss(config))(params, views, batch)[1]


@pytest.mark.slow
def test_sum_of_all_three_is_weighted_and_each_is_what_it_is_alone():
    weights = {"contrastive": 0.5, "pairwise": 2.0, "masked": 3.0}
    together = losses(small(**{f"{name}__weight": w for name, w in weights.items()}))
    expected = sum(w * together[name] for name, w in weights.items())
    np.testing.assert_allclose(together["loss"], expected, rtol=1e-6)
    # masked hides tubes from itself alone
    without_masked = losses(small(contrastive__weight=1, pairwise__weight=1))
    for name in ("contrastive", "pairwise"):
        np.testing.assert_allclose(together[name], without_masked[name], rtol=1e-5)
    assert "masked" not in without_masked


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"contrastive__centred": "true", "contrastive__weighted": "false"},
        {"contrastive__targets": "measures", "contrastive__target_width": 0.5, "pairwise__absolute_weight": 0.7},
    ],
)
def test_contrastive_and_pairwise_equal_the_loops_on_the_encoder_s_features(changes):
    config = small(contrastive__temperature=0.2, **changes)
    params, views, batch = begin(config)
    metrics = jax.jit(make_loss(config))(params, views, batch)[1]

    p, c, n = 4, 3, 12
    nets = nnx.merge(graph(config), params)
    vectors = np.asarray(jax.jit(lambda x: nets.encoder(x).vector)(views.clips), np.float64).reshape(p, c, 2, -1)
    centred = vectors - vectors.mean(1, keepdims=True) if config.contrastive.centred else vectors
    projected = jax.jit(nets.projection)(jnp.asarray(centred.reshape(n, 2, -1), jnp.float32))
    a, b = np.asarray(projected, np.float64).swapaxes(0, 1)
    distance = naive.measure_distance(batch["measures"].reshape(n, -1), batch["known"].reshape(n, -1))
    track = np.repeat(batch["track"], c)
    counts = naive.candidate_counts(
        track, batch["time"].reshape(n), distance, 0.25, config.batch.shift_seconds, config.contrastive.weighted
    )
    soft = config.contrastive.targets == "measures"
    targets = naive.soft_targets(distance, counts, 0.5) if soft else np.eye(n)
    np.testing.assert_allclose(metrics["contrastive"], naive.info_nce(a, b, counts, targets, 0.2), rtol=1e-4)
    np.testing.assert_allclose(metrics["temperature"], 0.2, rtol=1e-5)

    head = np.asarray(params["pairwise"], np.float64)
    each = [(vectors[:, :, v], head, batch["measures"], batch["known"]) for v in range(2)]
    pairs = np.mean([naive.pairwise_loss(*args, 0.5) for args in each])
    absolute = np.mean([naive.absolute_loss(*args) for args in each])
    expected = pairs + config.pairwise.absolute_weight * absolute
    np.testing.assert_allclose(metrics["pairwise"], expected, rtol=1e-4)

    first, a, b = (jnp.asarray(x, jnp.float32) for x in (vectors[:, :, 0].reshape(n, -1), a, b))
    gauges = {
        "within_track_share": within_track_share(first, jnp.asarray(track)),
        "feature_std": feature_std(first),
        "alignment": alignment(a, b),
        "uniformity": (uniformity(a) + uniformity(b)) / 2,
    }
    for name, value in gauges.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-3, err_msg=name)


def test_masked_paints_from_what_is_in_sight_only():
    config = only("masked", masked__share=0.5)
    params, views, _ = begin(config)
    assert views.keep is None
    assert views.clips.shape == (12, 4, 16, 16, 1)
    assert views.sight.shape == (12, 8)
    hidden = np.ones((12, 16), bool)
    np.put_along_axis(hidden, np.asarray(views.sight), False, axis=1)
    tubes = np.kron(hidden.reshape(12, 4, 4), np.ones((4, 4), bool))[:, None, :, :, None]
    nets = nnx.merge(graph(config), params)
    paint = jax.jit(lambda clips: nets.decoder(nets.encoder(clips, views.sight).tokens, views.sight))
    painted = paint(views.clips)
    assert painted.shape == (12, 2, 16, 2 * 4 * 4)
    np.testing.assert_array_equal(painted, paint(jnp.where(tubes, 9.0, views.clips)))
    assert np.abs(np.asarray(painted - paint(jnp.where(tubes, views.clips, 9.0)))).max() > 1e-3
    # and the loss is that of the loop
    value = jax.jit(make_loss(config))(params, views, random_batch(config))[1]["masked"]
    expected = naive.masked_loss(
        np.asarray(painted, np.float64), np.asarray(views.clips), np.asarray(views.sight), config.encoder.cells
    )
    np.testing.assert_allclose(value, expected, rtol=1e-4)


@pytest.mark.slow
def test_masked_alone_learns_and_moves_encoder_and_decoder_alone():
    config = only("masked", masked__share=0.5, augment__noise=0)
    params, views, batch = begin(config)
    batch = jax.tree.map(jnp.asarray, batch)
    ramp = jnp.linspace(-1, 1, 16) * jnp.linspace(-2, 2, 12)[:, None, None, None]  # what is hidden can be told
    views = views._replace(clips=jnp.broadcast_to(ramp[..., None], views.clips.shape))
    optimizer = optax.adam(3e-3)

    @jax.jit
    def step(params, state):
        gradient, metrics = jax.grad(make_loss(config), has_aux=True)(params, views, batch)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, gradient, metrics

    state, course = jax.jit(optimizer.init)(params), []
    for _ in range(60):
        params, state, gradient, metrics = step(params, state)
        course.append(float(metrics["masked"]))
    assert course[-1] < 0.3 * course[0]
    assert set(metrics) == {"masked", "loss", "within_track_share", "feature_std"}
    moved = {name: max(np.abs(x).max() for x in jax.tree.leaves(g)) > 0 for name, g in gradient.items()}
    assert moved == {"encoder": True, "decoder": True, "pairwise": False, "projection": False, "log_temperature": False}


@pytest.mark.slow
@pytest.mark.parametrize(
    "encoder",
    [
        ConvConfig(frames=4, size=16, width=32, stages=(8, 16)),
        FrameConfig(frames=4, size=16, width=32, stages=(8, 16), depth=1, heads=2),
    ],
)
def test_encoders_of_other_kinds_are_trained(encoder):
    config = PretrainConfig(encoder=encoder, clip=small().clip, batch=small().batch)
    params, views, batch = begin(config)
    gradient, metrics = jax.jit(jax.grad(make_loss(config), has_aux=True))(params, views, batch)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((gradient, metrics)))
    assert all((np.asarray(x) != 0).any() for x in jax.tree.leaves(gradient["encoder"]))
    assert gradient["log_temperature"] != 0


def test_dropped_tubes_are_the_same_for_contrastive_and_pairwise_and_other_than_those_masked():
    config = small(augment__token_share=0.5, masked__weight=1, masked__share=0.5)
    _, views, _ = begin(config)
    assert views.keep.shape == views.sight.shape == (24, 8)
    assert (np.sort(views.keep) != np.sort(views.sight)).any()


def test_objectives_that_cannot_be_are_one_line():
    conv = {"encoder": ConvConfig(frames=4, size=16), "clip": small().clip}
    with pytest.raises(ValueError, match=r"masked\.weight=1\.0 needs an encoder that can leave out cells: use a ViT"):
        PretrainConfig(**conv, masked=small(masked__weight=1).masked)
    with pytest.raises(UserError, match="are all 0: nothing to learn"):
        only("none")
    with pytest.raises(UserError, match="temperature"):
        small(contrastive__temperature=3)
    with pytest.raises(UserError, match="targets"):
        small(contrastive__targets="measure")
