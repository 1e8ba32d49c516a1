"""End to end: factors beside the kernels of encoders are what merged kernels give, and the base is never copied."""

import jax
import numpy as np
import pytest
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict
from jax.extend.core import jaxprs_in_params
from sklearn.base import clone

from personalize.adaptation.gradient.adaptations import GradientAdaptation, Pull
from personalize.adaptation.gradient.core import Plan, Rows, Variants, train
from personalize.adaptation.gradient.encoders import BaseEncoder, encoder_network
from personalize.adaptation.gradient.networks import Population
from personalize.heads.ridge import RidgeHead
from pretrain.clips.augment import to_input
from pretrain.encoders.conv import ConvConfig
from pretrain.encoders.encoder import make_encoder
from pretrain.encoders.vit import VideoViTConfig

pytestmark = pytest.mark.usefixtures("compile_quickly")
VIT = VideoViTConfig(width=8, depth=2, heads=2, tubelet=(2, 8, 8), frames=2, size=16)
CONV = ConvConfig(width=8, stages=(8, 8), frames=2, size=16)
CONFIGS = {"vit": VIT, "conv": CONV}
BLOCK = ("attention/qkv", "attention/out", "up", "down")
LINEAR = {"vit": {"embed", *(f"blocks/{name}" for name in BLOCK)}, "conv": {"trunk/project"}}
each = pytest.mark.parametrize("name", CONFIGS)


@pytest.fixture(scope="module")
def bases():
    def fresh(config):
        return jax.jit(lambda: nnx.state(make_encoder(config, rngs=nnx.Rngs(0)), nnx.Param))()

    return {name: BaseEncoder(config, nnx.to_pure_dict(fresh(config))) for name, config in CONFIGS.items()}


def clips(n, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (n, 2, 16, 16, 1)).astype(np.uint8)


def some_head(outputs=2):
    rng = np.random.default_rng(1)
    parts = rng.normal(size=8), rng.uniform(0.5, 2, 8), rng.normal(size=(8, outputs))
    return Population(*(part.astype(np.float32) for part in parts))


def encoded(config, params, x):
    graph = nnx.graphdef(nnx.eval_shape(lambda: make_encoder(config, rngs=nnx.Rngs(0))))
    return np.asarray(
        jax.jit(lambda p, x: nnx.merge(graph, p)(to_input(x, config.size, config.view)).vector)(params, x)
    )


@each
@pytest.mark.parametrize("which", ["lora", "full"])
def test_it_starts_as_the_population(bases, name, which):
    head, x, base = some_head(), clips(3), bases[name]
    network = encoder_network(CONFIGS[name], which, 2)
    found = jax.jit(network.apply)(base.params, head, network.init(0, (8, 2)), x)
    expected = (encoded(CONFIGS[name], base.params, x) - head.mean) / head.scale @ head.kernel
    np.testing.assert_allclose(found, expected, atol=1e-5)


@each
def test_factors_are_what_merged_kernels_give(bases, name):
    head, x, base, rng = some_head(), clips(3), bases[name], np.random.default_rng(2)
    network = encoder_network(CONFIGS[name], "lora", 2)
    free = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32) / 4, network.init(0, (8, 2)))
    params, found = flatten_dict(base.params), set()
    factors = flatten_dict(free["encoder"])
    for *path, last in [path for path in factors if path[-1] == "lora_a"]:
        assert path.pop() == "lora"
        found.add("/".join(path))
        a, b = (factors[(*path, "lora", part)] for part in (last, "lora_b"))
        params[(*path, "kernel")] = np.asarray(params[(*path, "kernel")]) + np.einsum("...ir,...ro->...io", a, b)
    assert found == LINEAR[name]
    features = (encoded(CONFIGS[name], unflatten_dict(params), x) - head.mean) / head.scale
    expected = features @ (head.kernel + free["head"]["kernel"]) + free["head"]["bias"]
    np.testing.assert_allclose(jax.jit(network.apply)(base.params, head, free, x), expected, rtol=2e-4, atol=2e-4)
    before = encoded(CONFIGS[name], base.params, x)
    assert np.abs(features - (before - head.mean) / head.scale).max() > 0.1  # the factors do something


def shapes_made(jaxpr):
    """Shapes of everything that a program computes, programs inside it included."""
    for equation in jaxpr.eqns:
        yield from (out.aval.shape for out in equation.outvars)
        for inner in jaxprs_in_params(equation.params):
            yield from shapes_made(inner)


def job(which, rows=4, people=2, strengths=(1.0, 1.0, 0.1)):
    head = some_head(1)
    network = encoder_network(VIT, which, 2)
    x = np.stack([clips(rows, seed) for seed in range(people)])
    learn = np.ones((people, rows), bool)
    y = np.random.default_rng(0).normal(size=(people, rows)).astype(np.float32)
    data = Rows(x, y, *np.zeros((2, people, rows, 1), np.float32), learn, ~learn, x[:, :1])
    shape = (people, len(strengths))
    start = jax.tree.map(lambda leaf: np.stack([leaf] * len(strengths)), network.init(0, (8, 1)))
    variants = Variants(start, np.broadcast_to(np.float32(strengths), shape), np.full(shape, 8, np.int32))
    population = Population(*(np.broadcast_to(part, (people, *part.shape)) for part in head))
    return network, Plan("number", 8, 8, 0.05), population, data, variants


@pytest.mark.parametrize(("which", "copied"), [("lora", False), ("full", True)])
def test_the_base_is_not_copied_for_its_people(bases, which, copied, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")  # where all are trained at once
    network, plan, *rest = job(which)
    program = jax.make_jaxpr(train.__wrapped__, static_argnums=(0, 1))(network, plan, bases["vit"].params, *rest)
    kernels = {leaf.shape for path, leaf in flatten_dict(bases["vit"].params).items() if path[-1] == "kernel"}
    threefold = {
        (*shape[:i], *n, *shape[i:]) for shape in kernels for i in range(len(shape) + 1) for n in ((2, 3), (3, 2))
    }
    assert bool(threefold & set(shapes_made(program.jaxpr))) == copied


@pytest.mark.long
@pytest.mark.parametrize("which", ["lora", "full"])
def test_neither_padding_nor_another_person_changes_anybody(bases, which):
    network, plan, population, data, variants = job(which)
    data.learn[1, 2:] = False
    before = train(network, plan, bases["vit"].params, population, data, variants)
    data.learn[0] = False  # nobody is there
    data.x[0], data.x[1, 2:], data.y[0], data.y[1, 2:] = 0, 255, 77.0, -77.0
    after = train(network, plan, bases["vit"].params, population, data, variants)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a[1], b[1])
    assert np.ptp(before.outputs) > 0.05


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "which"),
    [("conv", "head"), ("conv", "lora"), pytest.param("conv", "full", marks=pytest.mark.slow)],
)
def test_from_clips_to_a_persons_model(bases, name, which):
    base, x = bases[name], clips(40)
    y = np.random.default_rng(3).normal(size=40)
    groups = np.repeat([f"sub-{i}" for i in range(5)], 8)
    features, old = base.features(x), groups != "sub-4"
    np.testing.assert_allclose(features, encoded(CONFIGS[name], base.params, x), atol=1e-5)
    start = RidgeHead().fit(features[old], y[old], groups[old], held_out=["sub-4"])
    model = GradientAdaptation(which, steps=4, every=2, strengths=(1.0,), at_once=2, rank=2, encoder=base)
    assert clone(model).encoder is base
    given = np.tile(np.arange(8) < 3, 5)
    masks = {"calibration": given[old], "test": ~given[old]}
    model.learn_prior(x[old], y[old], groups[old], **masks, start=start).prior_ = Pull(0.1, 4)
    new = ~old & given
    adapted = model.fit(x[new], y[new], groups[new], start=start).predict(x, groups)
    population = start.predict(features)
    np.testing.assert_array_equal(adapted.value[old], population.value[old])
    error, before = (np.abs(p.value - y)[new].sum() for p in (adapted, population))
    assert error < before
    assert np.isfinite(adapted.value).all()
    assert np.isfinite(adapted.se).all()
