"""Training of many people at once: against a naive loop, a closed form, and what padding must not change."""

import sys

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from personalize.adaptation.gradient.batches import FEWEST_TO_HOLD_BACK, held_back, padded_length, stacked
from personalize.adaptation.gradient.core import Plan, Rows, Variants, outputs, train
from personalize.adaptation.gradient.networks import Population, feature_network

pytestmark = pytest.mark.usefixtures("compile_quickly")
D = 5
PLAN = Plan("number", 60, 10, 0.2)
KINDS = {"number": 1, "class": 3}
KERNEL = np.random.default_rng(9).normal(size=(D, 3)).astype(np.float32)


def people(kind="number", sizes=(3, 14, 8), seed=0):
    """Per person x, y, what the population model says, and which rows are held back."""
    rng = np.random.default_rng(seed)
    for n in sizes:
        x = rng.normal(size=(n, D)).astype(np.float32)
        y = (x[:, 0] + rng.normal(size=n)) if kind == "number" else rng.integers(KINDS[kind], size=n)
        says = rng.normal(size=(n, KINDS[kind])).astype(np.float32)
        yield x, y.astype(np.float32), says, held_back(y.astype(float), rng)


def arrays(some, rows=16, count=4):
    x, y, says, held = zip(*some, strict=True)
    asked = np.ones((count, 2, D), np.float32)
    return Rows(
        *(stacked(part, count, rows) for part in (x, y, says, [part @ KERNEL[:, : says[0].shape[1]] for part in x])),
        stacked([~h for h in held], count, rows),
        stacked(held, count, rows),
        asked,
    )


def population(rows):
    count, outputs = len(rows.y), rows.population.shape[-1]
    one = (np.zeros(D, np.float32), np.ones(D, np.float32), KERNEL[:, :outputs])
    return Population(*(np.broadcast_to(part, (count, *part.shape)) for part in one))


def variants(network, rows, strengths=(3.0, 0.5), last=40):
    shape = (len(rows.y), len(strengths))
    start = jax.tree.map(lambda leaf: np.stack([leaf] * len(strengths)), begin(network, rows))
    return Variants(start, np.broadcast_to(np.float32(strengths), shape), np.full(shape, last, np.int32))


def begin(network, rows):
    return network.init(0, (D, rows.population.shape[-1]))


def fitted(which, rows, plan=PLAN, **changes):
    network = feature_network(which, 2)
    return train(network, plan, {}, population(rows), rows, variants(network, rows, **changes))


def parameters(found, rows, person, variant):
    """The head of one fit."""
    unravel = ravel_pytree(begin(feature_network("head", 2), rows))[1]
    return jax.tree.map(np.asarray, unravel(found.parameters[person, variant])["head"])


def naive_head(kind, x, y, says, held, strength, last):
    """One person and one strength in double precision: Adam step by step, gradients by hand, rows that are there."""
    c = says.shape[1]
    p = np.zeros((D + 1, c))
    design, fan = np.column_stack([x, np.ones(len(x))]).astype(float), np.array([[D]] * D + [[1]])
    m, v = np.zeros_like(p), np.zeros_like(p)

    def slope_and_loss(p):
        out = says + design @ p
        if kind == "number":
            r = out[:, 0] - y
            return np.clip(r, -1, 1)[:, None], np.where(abs(r) <= 1, r**2 / 2, abs(r) - 0.5)
        chance = np.exp(out) / np.exp(out).sum(1, keepdims=True)
        return chance - np.eye(c)[y.astype(int)], -np.log(chance[np.arange(len(y)), y.astype(int)])

    best, kept = slope_and_loss(p)[1][held].sum(), p
    for step in range(1, 61):
        g = (design[~held].T @ slope_and_loss(p)[0][~held] + strength * fan * p) / (~held).sum()
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.2 * (1 + np.cos(np.pi * (step - 1) / 60)) / 2
        p = p - rate / fan * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        if step % 10 == 0:
            loss = slope_and_loss(p)[1][held].sum()
            if loss < best if held.any() else step <= last:
                best, kept = loss, p
    return kept


@pytest.mark.parametrize("kind", KINDS)
def test_a_naive_loop_over_people_gives_the_same(kind):
    some = list(people(kind))
    found = fitted("head", arrays(some), PLAN._replace(kind=kind))
    stopped_early = False
    for i, one in enumerate(some):
        for j, strength in enumerate((3.0, 0.5)):
            expected = naive_head(kind, *one, strength, 40)
            head = parameters(found, arrays(some), i, j)
            np.testing.assert_allclose(np.vstack([head["kernel"], head["bias"]]), expected, atol=2e-5)
            stopped_early |= int(found.best[i, j]) not in (3, 5)
    assert stopped_early  # else nothing was chosen by what was held back


def test_the_end_of_training_is_the_ridge_solution():
    """Errors below one standard deviation: half a square each, so that the least objective is known."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, D)).astype(np.float32)
    says = rng.normal(size=(8, 1)).astype(np.float32)
    y = says[:, 0] + rng.uniform(-0.5, 0.5, size=8).astype(np.float32)
    rows = arrays([(x, y, says, np.zeros(8, bool))], rows=8, count=1)
    found = fitted("head", rows, PLAN._replace(steps=2000, every=1000), last=2000)
    design = np.column_stack([x, np.ones(8)])
    for j, strength in enumerate((3.0, 0.5)):
        system = design.T @ design + strength * np.diag([D] * D + [1])
        expected = np.linalg.solve(system, design.T @ (y - says[:, 0]))
        head = parameters(found, rows, 0, j)
        np.testing.assert_allclose(np.r_[head["kernel"][:, 0], head["bias"]], expected, atol=1e-4)


@pytest.mark.parametrize("which", ["head", "lora", "full"])
def test_padding_changes_nothing(which):
    some = list(people())
    rows = arrays(some)
    together = fitted(which, rows)
    empty = ~(rows.learn | rows.held)
    garbage = np.random.default_rng(1).normal(size=rows.x.shape).astype(np.float32) * 1e3
    other = rows._replace(
        x=np.where(empty[..., None], garbage, rows.x),
        y=np.where(empty, garbage[..., 0], rows.y),
        population=np.where(empty[..., None], garbage[..., :1], rows.population),
        before=np.where(empty[..., None], garbage[..., 1:2], rows.before),
    )
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(fitted(which, other)), strict=True):
        np.testing.assert_array_equal(a, b)
    alone = fitted(which, arrays(some[1:2]))
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(a[1], b[0])


@pytest.mark.parametrize("which", ["head", "lora", "full"])
def test_prediction_is_that_of_training(which):
    rows = arrays(people(sizes=(8, 8)))
    network, found = feature_network(which, 2), fitted(which, rows, last=60)
    assert np.asarray(found.best)[:2].tolist() == [[5, 5]] * 2
    before = np.broadcast_to(np.ones((2, D)) @ KERNEL[:, :1], found.outputs.shape)
    assert np.abs(found.outputs - before)[:2, :, -1].max() > 0.1
    for j in range(2):
        now = outputs(
            network, {}, population(rows), begin(network, rows), found.parameters[:, j], rows.asked, np.ones(4, bool)
        )
        np.testing.assert_allclose(now[:2], found.outputs[:2, j, -1], atol=1e-6)


def test_at_once_and_one_by_one_give_the_same(monkeypatch):
    rows = arrays(people())
    found = fitted("lora", rows)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(sys.modules[__name__], "train", jax.jit(train.__wrapped__, static_argnums=(0, 1)))
    for at_once, one_by_one in zip(fitted("lora", rows), found, strict=True):
        np.testing.assert_allclose(at_once[:3], one_by_one[:3], atol=1e-5)


def test_a_fit_that_breaks_down_is_not_kept():
    found = fitted("head", arrays(people(sizes=(3, 14))), PLAN._replace(rate=1e38))
    assert (np.asarray(found.best)[:2] == -1).all()
    np.testing.assert_array_equal(found.parameters[:2], 0)


def test_labels_held_back_are_spread_over_the_labels():
    rng = np.random.default_rng(0)
    for n in range(FEWEST_TO_HOLD_BACK):
        assert not held_back(np.arange(float(n)), rng).any()
    held = held_back(np.repeat([0.0, 1.0, 2.0], [4, 8, 12]), rng)
    assert [int(held[part].sum()) for part in (slice(0, 4), slice(4, 12), slice(12, 24))] == [1, 2, 3]
    assert (held_back(np.zeros(16), rng) != held_back(np.zeros(16), rng)).any()


def test_lengths_are_few():
    assert [padded_length(n) for n in (0, 1, 8, 9, 16, 17, 200)] == [8, 8, 8, 16, 16, 32, 256]
