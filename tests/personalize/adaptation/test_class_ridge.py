"""Classes: the Gaussian population against naive refits, and a person's class means against the naive posterior."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from personalize.adaptation.classes import SHARES, ClassRidge, Shares, move
from personalize.adaptation.personal import make_adaptation, make_head
from personalize.heads.gaussian import GaussianHead
from personalize.protocols.leakage import LeakError
from pretrain.errors import UserError
from tests.personalize.adaptation.adaptation_worlds import classed

WORLD = classed(6, units=12, common=0.5)
HEAD = GaussianHead().fit(WORLD.x, WORLD.y, WORLD.person, held_out=["new"])


def adapted(prior, x, y, person):
    model = ClassRidge()
    model.prior_ = prior
    return model.fit(x, y, person, start=HEAD)


def naive_logs(z, y, asked, strength, count=3):
    """Log probabilities from refitted means and covariance, by inverse and determinant-free differences."""
    member = [z[y == c] for c in range(count)]
    within = sum((m - m.mean(0)).T @ (m - m.mean(0)) for m in member) / len(z)
    shrunk = (1 - strength) * within + strength * np.trace(within) / len(within) * np.eye(len(within))
    inverse = np.linalg.inv(shrunk)
    score = np.array(
        [
            [np.log(len(m) / len(z)) - (row - m.mean(0)) @ inverse @ (row - m.mean(0)) / 2 for m in member]
            for row in asked
        ]
    )
    return score - np.log(np.exp(score).sum(axis=1, keepdims=True))


def test_the_population_equals_the_naive_gaussian_and_its_refits_without_each_person():
    head = GaussianHead(strengths=(0.1,)).fit(WORLD.x, WORLD.y, WORLD.person, held_out=[])
    z = head.standardise(WORLD.x)
    np.testing.assert_allclose(np.log(head.predict(WORLD.x).probability), naive_logs(z, WORLD.y, z, 0.1), atol=1e-9)
    for person in np.unique(WORLD.person):
        out = WORLD.person == person
        want = naive_logs(z[~out], WORLD.y[~out], z[out], 0.1)
        np.testing.assert_allclose(np.log(head.left_out_.probability[out]), want, atol=1e-9)


def test_without_shrinkage_it_is_linear_discriminant_analysis():
    head = GaussianHead(strengths=(0.0,)).fit(WORLD.x, WORLD.y, WORLD.person, held_out=[])
    other = LinearDiscriminantAnalysis(solver="lsqr").fit(WORLD.x, WORLD.y)
    np.testing.assert_allclose(head.predict(WORLD.x).probability, other.predict_proba(WORLD.x), atol=1e-9)


def test_the_strength_is_the_one_with_least_loss_on_left_out_people():
    losses = []
    for strength in (0.01, 0.3, 1.0):
        left = GaussianHead(strengths=(strength,)).fit(WORLD.x, WORLD.y, WORLD.person, held_out=[]).left_out_
        losses.append(-np.log(left.probability[np.arange(len(WORLD.y)), WORLD.y.astype(int)]).mean())
    head = GaussianHead(strengths=(0.01, 0.3, 1.0)).fit(WORLD.x, WORLD.y, WORLD.person, held_out=[])
    assert head.strength_ == (0.01, 0.3, 1.0)[int(np.argmin(losses))]


def test_in_its_space_the_covariance_within_classes_is_the_unit_matrix():
    head = GaussianHead(strengths=(0.0,)).fit(WORLD.x, WORLD.y, WORLD.person, held_out=[])
    z, y = head.project(WORLD.x), WORLD.y.astype(int)
    apart = z - head.space_.means[y]
    np.testing.assert_allclose(apart.T @ apart / len(z), np.eye(z.shape[1]), atol=1e-9)


def naive_move(z, codes, means, shares):
    """The posterior of all class means at once, direction by direction, by inverting its precision."""
    count = len(means)
    prior = shares.common * np.ones((count, count)) + shares.own * np.eye(count)
    within = 1 - shares.common - shares.own
    moved, spread = np.zeros_like(means), None
    for direction in range(means.shape[1]):
        precision, pull = np.linalg.inv(prior), np.zeros(count)
        for row, code in zip(z, codes, strict=True):
            precision[code, code] += 1 / within
            pull[code] += (row[direction] - means[code, direction]) / within
        spread = np.linalg.inv(precision)
        moved[:, direction] = means[:, direction] + spread @ pull
    return moved, spread


@pytest.mark.parametrize("shares", [Shares(0.3, 0.1), Shares(0.05, 0.3), Shares(0.0, 0.2)])
def test_every_person_equals_the_naive_posterior(shares):
    rng = np.random.default_rng(0)
    some = rng.permutation(len(WORLD.y))[:25]
    model = adapted(shares, WORLD.x[some], WORLD.y[some], WORLD.person[some])
    found = model.predict(WORLD.x, WORLD.person)
    for person in np.unique(WORLD.person[some]):
        own, rows = some[WORLD.person[some] == person], np.flatnonzero(WORLD.person == person)
        means, spread = naive_move(HEAD.project(WORLD.x[own]), WORLD.y[own].astype(int), HEAD.space_.means, shares)
        variance = 1 - sum(shares) + HEAD.share_ @ np.diag(spread)
        for row in rows:
            z = HEAD.project(WORLD.x[row : row + 1])[0]
            score = np.log(HEAD.share_) - ((z - means) ** 2).sum(axis=1) / 2 / variance
            want = np.exp(score - score.max()) / np.exp(score - score.max()).sum()
            np.testing.assert_allclose(found.probability[row], want, atol=1e-9)


def test_without_labels_everybody_is_predicted_by_the_population_exactly():
    population = HEAD.predict(WORLD.x)
    empty = adapted(Shares(0.3, 0.2), WORLD.x[:0], WORLD.y[:0], WORLD.person[:0])
    for found, wanted in zip(empty.predict(WORLD.x, WORLD.person), population, strict=True):
        np.testing.assert_array_equal(found, wanted)
    nothing = HEAD.project(WORLD.x[:0]), np.zeros(0, int)
    means, variance = move(*nothing, HEAD.space_.means, HEAD.share_, [Shares(0.3, 0.2)])
    np.testing.assert_array_equal(means[0], HEAD.space_.means)
    assert variance[0] == pytest.approx(1, abs=1e-12)  # nothing known is as uncertain as the population


def test_a_class_without_labels_moves_with_the_others_only():
    z = HEAD.project(WORLD.x[:1])
    codes = WORLD.y[:1].astype(int)
    for shares, moves in ((Shares(0.3, 0.0), True), (Shares(0.0, 0.3), False)):
        means, _ = move(z, codes, HEAD.space_.means, HEAD.share_, [shares])
        moved = np.abs(means[0] - HEAD.space_.means).max(axis=1) > 1e-6
        assert moved[codes[0]] and (np.delete(moved, codes[0]) == moves).all()


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(30)), st.integers(0, 2))
def test_order_of_rows_and_of_people_changes_nothing(order, drop):
    """With a person of one class, and one with a single row."""
    rows = np.flatnonzero((WORLD.person != "sub-005") | (WORLD.y == drop))[-30:]
    mixed = rows[np.array(order)]
    one, other = (adapted(Shares(0.2, 0.1), WORLD.x[some], WORLD.y[some], WORLD.person[some]) for some in (rows, mixed))
    for a, b in zip(one.predict(WORLD.x, WORLD.person), other.predict(WORLD.x, WORLD.person), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def learned(world):
    head = make_head("class").fit(world.x, world.y, world.person, held_out=[])
    masks = {"calibration": world.calibration, "test": world.test}
    return make_adaptation("ridge", "class").learn_prior(world.x, world.y, world.person, **masks, start=head)


def test_the_prior_follows_how_people_differ():
    assert learned(classed(30)).prior_ == SHARES[0]
    assert learned(classed(30, common=1.5)).prior_.common >= 0.3
    assert learned(classed(30, k=4, own=1.2)).prior_.own >= 0.1


def test_labels_help_people_never_seen_where_people_differ():
    world = classed(60, common=1.2)
    train, new = world.take(world.person < "sub-030"), world.take(world.person >= "sub-030")
    model = learned(train)
    head = GaussianHead().fit(train.x, train.y, train.person, held_out=[])
    own = new.take(new.calibration)
    model.fit(own.x, own.y, own.person, start=head)
    asked = new.take(new.test)
    right = [np.mean(p.value == asked.y) for p in (head.predict(asked.x), model.predict(asked.x, asked.person))]
    assert right[1] > right[0] + 0.08


def test_a_class_that_the_training_people_lack_has_probability_zero():
    rows = WORLD.y < 2
    head = GaussianHead(3).fit(WORLD.x[rows], WORLD.y[rows], WORLD.person[rows], held_out=[])
    assert head.missing_ == (2,)
    model = ClassRidge()
    masks = {"calibration": WORLD.calibration[rows], "test": WORLD.test[rows]}
    model.learn_prior(WORLD.x[rows], WORLD.y[rows], WORLD.person[rows], **masks, start=head)
    model.prior_ = Shares(0.3, 0.1)
    new = WORLD.person == "sub-001"
    found = model.fit(WORLD.x[new], WORLD.y[new], WORLD.person[new], start=head).predict(WORLD.x, WORLD.person)
    assert (found.probability[:, 2] == 0).all() and np.isfinite(found.probability).all()
    np.testing.assert_allclose(found.probability.sum(axis=1), 1)


def test_a_class_of_one_person_only_is_no_crash():
    y = np.where((WORLD.y == 2) & (WORLD.person != "sub-000"), 0.0, WORLD.y)
    head = GaussianHead().fit(WORLD.x, y, WORLD.person, held_out=[])
    assert (head.left_out_.probability[WORLD.person == "sub-000", 2] == 0).all()
    assert head.missing_ == ()


def test_codes_that_are_none_and_too_few_classes_are_refused():
    for wrong in (0.5, -1.0, 7.0):
        y = WORLD.y.copy()
        y[3] = wrong
        with pytest.raises(UserError, match=f"^{wrong:g} is not the code of a class"):
            GaussianHead(3).fit(WORLD.x, y, WORLD.person, held_out=[])
    with pytest.raises(UserError, match="6 participants and 1 classes"):
        GaussianHead().fit(WORLD.x, np.zeros(len(WORLD.y)), WORLD.person, held_out=[])


def test_records_whom_it_saw_and_refuses_who_is_held_out():
    assert HEAD.participants_ == HEAD.seen_.participants == set(WORLD.person)
    with pytest.raises(LeakError):
        GaussianHead().fit(WORLD.x, WORLD.y, WORLD.person, held_out=["SUB-001"])
    assert clone(HEAD).get_params() == HEAD.get_params()
