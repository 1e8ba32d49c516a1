"""The trainer against a loop in double precision, and what must not change a fit."""

import dataclasses

import jax
import numpy as np
import pytest

from personalize.heads.network import NetworkHead, fit_together
from personalize.heads.networks.network import Model, NetworkConfig
from personalize.heads.networks.pictures import Blocks
from personalize.heads.training.core import steps_outside
from personalize.heads.training.losses import Task
from personalize.heads.training.schedule import Optimizer, Pool, Training, schedule
from pretrain.errors import UserError

pytestmark = pytest.mark.usefixtures("compile_quickly")
TASKS = (Task("mse"), Task("mse", weight=0.5))


def table(n=40, people=5, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(2.0, 3.0, size=(n, 3))
    y = np.column_stack([x @ [1.0, -0.5, 0.2], x @ [0.0, 1.0, 1.0]]) / 3 + rng.normal(size=(n, 2)) / 10
    y[rng.random(y.shape) < 0.3] = np.nan
    y[np.isnan(y).all(axis=1), 0] = 0.0
    return x, y, np.array([f"p{i % people}" for i in range(n)])


def same(a, b, tolerance=0.0):
    for one, other in zip(jax.tree.leaves(a.model_), jax.tree.leaves(b.model_), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def naive(head, x, y, names, weight):
    """Two linear outputs, rows of the same schedule, gradients by hand."""
    training, optimizer = head.training, head.training.optimizer
    rows = np.arange(len(x))
    steps, per_epoch = schedule(Pool(rows, names, y[:, 0]), training, head.seed)
    z = np.column_stack([(x - x.mean(0)) / x.std(0), np.ones(len(x))])
    w = np.isfinite(y) * weight[:, None]
    p = start(head)
    m, v = np.zeros_like(p), np.zeros_like(p)
    for number, some in enumerate(steps):
        g = np.zeros_like(p)
        for task in range(2):
            error = z[some] @ p[:, task] - np.nan_to_num(y[some, task])
            total = max(w[some, task].sum(), 1e-9)
            g[:, task] = TASKS[task].weight * 2 * z[some].T @ (w[some, task] * error) / total
        rate = optimizer.rate * optimizer.decay ** np.floor(number / (optimizer.decay_epochs * per_epoch))
        if optimizer.name == "sgd":
            m = optimizer.momentum * m + g
            p = p - rate * m
        else:
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            p = p - rate * (m / (1 - 0.9 ** (number + 1))) / (np.sqrt(v / (1 - 0.999 ** (number + 1))) + 1e-8)
    return p


def start(head):
    """Where a head with the same seed starts, as [features and one, outputs]: after a step that moves nothing."""
    still = Training(Optimizer(rate=1e-30), epochs=None, steps=1)
    x, y, names = table()
    return kernel(NetworkHead(tasks=TASKS, training=still, seed=head.seed).fit(x, y, names, held_out=[]))


def kernel(head):
    out = head.model_.parameters["outputs"]
    return np.vstack([out["kernel"], out["bias"]]).astype(float)


@pytest.mark.parametrize(
    "optimizer", [Optimizer("adam", rate=0.05, decay=0.5, decay_epochs=2), Optimizer("sgd", rate=0.01, momentum=0.7)]
)
def test_training_equals_a_loop_in_double_precision(optimizer):
    x, y, names = table()
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(x))
    head = NetworkHead(tasks=TASKS, training=Training(optimizer, epochs=6, batch=12), seed=3)
    head.fit(x, y, names, held_out=["q"], sample_weight=weight)
    np.testing.assert_allclose(kernel(head), naive(head, x, y, names, weight), atol=2e-4)
    found = head.outputs(x)
    expected = np.column_stack([(x - x.mean(0)) / x.std(0), np.ones(len(x))]) @ kernel(head)
    np.testing.assert_allclose(found, expected, atol=1e-4)


PICTURES = NetworkConfig(Blocks(channels=(4,), convolutions=(1,), norm="batch"), dense=(6,), dropout=0.3)


def films(n=24, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 6, 6), dtype=np.uint8), rng.integers(2, size=n).astype(float)


@pytest.mark.parametrize("kind", ["table", "pictures"])
def test_fits_made_together_are_those_made_alone_and_nobody_elses_rows_matter(kind):
    if kind == "table":
        x, y = table()[0], (table()[0][:, 0] > 2).astype(float)
        network = NetworkConfig(dense=(4,), dropout=0.3)
    else:
        (x, y), network = films(), PICTURES
    names = np.array([f"p{i % 3}" for i in range(len(x))])
    rows = [np.flatnonzero(names == "p0"), np.flatnonzero(names == "p1")[:5], np.arange(len(x))]
    training = Training(epochs=3, batch=4, validate_on="tail", share=0.3, checks=4)
    heads = [NetworkHead(network, (Task("ce", 2),), training=training, seed=seed) for seed in (1, 2, 2)]
    fit_together(heads, x, y, names, rows, [["p1"], [], []])
    assert [head.participants_ for head in heads] == [{"p0"}, {"p1"}, {"p0", "p1", "p2"}]
    (own, head), alone = (rows[1], heads[1]), NetworkHead(network, (Task("ce", 2),), training=training, seed=2)
    alone.fit(x[own], y[own], names[own], held_out=[])
    same(head, alone, 2e-5)
    np.testing.assert_allclose(head.held_[: len(alone.held_)], alone.held_, atol=1e-5)
    assert head.best_ == alone.best_
    again = NetworkHead(network, (Task("ce", 2),), training=training, seed=2).fit(
        x[own], y[own], names[own], held_out=[]
    )
    same(again, alone)
    assert (again.predict(x[own]).probability == alone.predict(x[own]).probability).all()


def test_all_members_in_one_step_as_on_accelerators_learn_what_they_do_one_by_one(monkeypatch):
    (x, y), names = films(), np.array([f"p{i % 2}" for i in range(24)])
    rows = [np.flatnonzero(names == "p0"), np.flatnonzero(names == "p1")[:7]]
    # not adam, which turns rounding into steps where the slope is 0: at a bias before a batch normalisation
    slow = Optimizer("sgd", rate=0.01)
    training, found = Training(slow, epochs=2, batch=4, validate_on="tail", share=0.3, checks=2), []
    kernel = Model([np.zeros((1, 3, 3, 1, 4))], {})
    for backend in ("cpu", "gpu"):
        jax.clear_caches()
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        assert steps_outside(kernel) == (backend == "cpu")
        heads = [NetworkHead(PICTURES, (Task("ce", 2),), training=training, seed=seed) for seed in (1, 2)]
        fit_together(heads, x, y, names, rows, [[], []])
        found.append(heads)
    jax.clear_caches()
    for one, other in zip(*found, strict=True):
        same(one, other, 1e-5)
        np.testing.assert_allclose(one.held_, other.held_, atol=1e-5)


def test_undersampling_leaves_out_rows_without_the_label_it_goes_by():
    x, names = noisy()[0], noisy()[2]
    y = np.column_stack([np.tile([0.0, 1.0, np.nan], 20), np.ones(60)])
    task = (Task("bce"), Task("mse"))
    training = Training(epochs=2, batch=4, undersample=True)
    head = NetworkHead(NetworkConfig(), task, training=training).fit(x, y, names, held_out=[])
    moved = np.where(np.isnan(y[:, :1]), 1e3, x)  # a row that is never learnt from does not matter
    assert np.isfinite(head.outputs(x)).all()
    other = NetworkHead(NetworkConfig(), task, training=training).fit(moved, y, names, held_out=[])
    same(head, other)


def noisy(n=60):
    """Labels by chance: what is learnt of some people does not hold for others, so early checkpoints win."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(n, 8)), rng.normal(size=n), np.array([f"p{i % 6}" for i in range(n)])


def test_the_best_checkpoint_on_people_held_back_is_kept():
    x, y, names = noisy()
    training = Training(Optimizer(rate=0.05), epochs=20, batch=10, validate_on="people", share=0.3, checks=10)
    head = NetworkHead(NetworkConfig(dense=(16,)), training=training, seed=1).fit(x, y, names, held_out=["q"])
    assert len(head.held_) == 11 and np.isfinite(head.held_).all()
    assert 0 < head.best_ == head.held_.argmin() < 8
    until = dataclasses.replace(training, epochs=None, steps=8 * head.best_, checks=1)  # 4 steps make an epoch
    other = NetworkHead(NetworkConfig(dense=(16,)), training=until, seed=1).fit(x, y, names, held_out=["q"])
    same(head, other, 1e-6)
    patient = dataclasses.replace(training, patience=2)
    stopped = NetworkHead(NetworkConfig(dense=(16,)), training=patient, seed=1).fit(x, y, names, held_out=["q"])
    reached = np.isfinite(stopped.held_).sum()
    assert reached == stopped.best_ + 3 <= 10
    np.testing.assert_allclose(stopped.held_[:reached], head.held_[:reached], atol=1e-6)


def test_frozen_parameters_stay_where_they_start():
    x, y, names = noisy()
    network = NetworkConfig(dense=(4,))
    training = Training(epochs=None, steps=1, optimizer=Optimizer(rate=1e-30))
    begin = NetworkHead(network, training=training).fit(x, y, names, held_out=[])
    training = Training(epochs=2, freeze=("stages/*",))
    head = NetworkHead(network, training=training).fit(x, y, names, held_out=[], start=begin)
    before, after = begin.model_.parameters, head.model_.parameters
    assert (before["stages"]["parts"]["dense_1"]["linear"]["kernel"]
            == after["stages"]["parts"]["dense_1"]["linear"]["kernel"]).all()  # fmt: skip
    assert (before["outputs"]["kernel"] != after["outputs"]["kernel"]).all()
    with pytest.raises(UserError, match="no parameter's path matches 'trunk/"):
        NetworkHead(network, training=Training(freeze=("trunk/*",))).fit(x, y, names, held_out=[])


def test_training_that_breaks_down_says_so():
    x, y, names = noisy()
    training = Training(Optimizer("sgd", rate=1e6), epochs=20)
    with pytest.raises(UserError, match=r"broke down at seed 0.*rate=1e\+06"):
        NetworkHead(NetworkConfig(dense=(4,)), training=training).fit(x, 1e6 * y, names, held_out=[])
