"""Losses against plain loops over labels and pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from personalize.heads.networks.network import Answer
from personalize.heads.training.losses import Task, places, sizes, task_loss
from personalize.heads.training.pairs import PairTerm, pair_loss

pytestmark = pytest.mark.usefixtures("compile_quickly")
TASKS = (Task("mse", 2, weight=0.5), Task("ce", 3), Task("bce", 1, weight=2.0), Task("huber", 1))


def labels(rng, n):
    return np.column_stack(
        [rng.normal(size=(n, 2)), rng.integers(3, size=n), rng.integers(2, size=n), 4 * rng.normal(size=n)]
    ).astype(np.float32)


def test_tasks_lie_side_by_side():
    assert [(p.outputs.start, p.outputs.stop, p.columns.start, p.columns.stop) for p in places(TASKS)] == [
        (0, 2, 0, 2), (2, 5, 2, 3), (5, 6, 3, 4), (6, 7, 4, 5),
    ]  # fmt: skip
    assert sizes(TASKS) == (7, 5) and sizes(()) == (1, 1)


def test_the_sum_of_tasks_equals_a_loop_over_labels_that_are_there():
    rng = np.random.default_rng(0)
    values, y = rng.normal(size=(6, 2, 7)).astype(np.float32), labels(rng, 6)
    weight = (rng.random(y.shape) * (rng.random(y.shape) < 0.7)).astype(np.float32)
    weight[:, 4] = 0  # a task without any label adds nothing
    expected = 0.0
    for task, place in zip(TASKS, places(TASKS), strict=True):
        total = share = 0.0
        for i in range(6):
            for column in range(place.columns.start, place.columns.stop):
                share += weight[i, column]
                for vote in values[i]:
                    out, truth = vote[place.outputs], float(y[i, column])
                    if task.loss == "ce":
                        loss = np.log(np.exp(out).sum()) - out[int(truth)]
                    elif task.loss == "bce":
                        p = 1 / (1 + np.exp(-out[0]))
                        loss = -np.log(p if truth else 1 - p)
                    else:
                        loss = (out[column - place.columns.start] - truth) ** 2
                    total += weight[i, column] * loss / 2
        expected += task.weight * total / share if share else 0.0
    found = jax.jit(lambda *arrays: task_loss(TASKS, *arrays))(values, y, weight)
    assert float(found) == pytest.approx(expected, 1e-5)


def test_huber_is_a_square_near_and_a_line_far():
    found = [
        float(task_loss((Task("huber"),), jnp.array([[[e]]]), jnp.zeros((1, 1)), jnp.ones((1, 1)))) for e in (0.5, 3.0)
    ]
    assert found == pytest.approx([0.125, 2.5])


def batch(seed=0, n=7):
    rng = np.random.default_rng(seed)
    answer = Answer(jnp.array(rng.normal(size=(n, 2, 1)), float), jnp.array(rng.normal(size=(n, 2, 4)), float))
    y = rng.integers(3, size=n).astype(float)
    weight, person = (rng.random(n) < 0.8).astype(float), rng.integers(2, size=n)
    return answer, jnp.array(y), jnp.array(weight), jnp.array(person)


def pairs(term, y, weight, person):
    """All pairs of different rows that count."""
    n = len(y)
    return [(i, j) for i in range(n) for j in range(n)
            if i != j and weight[i] and weight[j] and (person[i] == person[j] or not term.within)]  # fmt: skip


def naive(term, answer, y, weight, person):
    s, z = np.asarray(answer.values).mean(1)[:, 0], np.asarray(answer.features).mean(1)
    some, found = pairs(term, y, weight, person), []
    for i, j in some:
        gap, d = y[i] - y[j], np.linalg.norm(z[i] - z[j])
        match term.kind:
            case "difference":
                found.append((s[i] - s[j] - gap) ** 2)
            case "logistic" if gap:
                found.append(np.log1p(np.exp(-np.sign(gap) * (s[i] - s[j]))))
            case "hinge" if gap:
                margin = term.margin * abs(gap) if term.scaled else term.margin
                found.append(max(0.0, margin - np.sign(gap) * (s[i] - s[j])))
            case "hadsell":
                found.append(max(0.0, term.margin - d) ** 2 if gap else d**2)
            case "rank_n_contrast":
                rivals = [k for a, k in some if a == i and abs(y[i] - y[k]) >= abs(gap)]
                total = sum(np.exp(-np.linalg.norm(z[i] - z[k]) / term.temperature) for k in rivals)
                found.append(np.log(total) + d / term.temperature)
    return np.mean(found)


TERMS = [
    PairTerm("difference"), PairTerm("logistic", within=False), PairTerm("hinge", margin=0.7),
    PairTerm("hinge", margin=0.7, scaled=True), PairTerm("hadsell", margin=2.0), PairTerm("hadsell", within=False),
    PairTerm("rank_n_contrast", within=False), PairTerm("rank_n_contrast", temperature=0.5),
]  # fmt: skip


@pytest.mark.parametrize("term", TERMS, ids=lambda term: f"{term.kind} {term.within} {term.scaled}")
def test_terms_on_pairs_equal_a_loop(term):
    answer, y, weight, person = batch()
    known = [np.asarray(part) for part in (y, weight, person)]
    loss = lambda answer: pair_loss(term, answer, None, y, weight, person)  # noqa: E731
    value, slope = jax.jit(jax.value_and_grad(loss))(answer)
    assert float(value) == pytest.approx(naive(term, answer, *known), rel=1e-4)
    assert all(np.isfinite(leaf).all() for leaf in slope) and any(np.abs(leaf).max() > 0 for leaf in slope)


@pytest.mark.parametrize("term", TERMS, ids=lambda term: f"{term.kind} {term.within} {term.scaled}")
def test_a_batch_without_pairs_or_with_equal_rows_has_finite_gradients(term):
    answer, y, weight, _ = batch()
    alone, equal = jnp.arange(len(y)), jax.tree.map(jnp.ones_like, answer)
    program = jax.jit(jax.value_and_grad(lambda answer, person: pair_loss(term, answer, None, y, weight, person)))
    if term.within:
        value, slope = program(answer, alone)
        assert value == 0 and all((leaf == 0).all() for leaf in slope)
    slope = program(equal, alone * 0)[1]
    assert all(np.isfinite(leaf).all() for leaf in slope)


def test_an_antisymmetric_function_costs_nothing():
    answer, y, weight, person = batch()
    term, turned = PairTerm("antisymmetric"), answer._replace(values=-answer.values)
    assert float(pair_loss(term, answer, turned, y, weight, person)) == 0
    s = np.asarray(answer.values).mean(1)[:, 0]
    expected = (np.asarray(weight) * (2 * s) ** 2).sum() / np.asarray(weight).sum()
    assert float(pair_loss(term, answer, answer, y, weight, person)) == pytest.approx(expected, rel=1e-5)
