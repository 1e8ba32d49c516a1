"""Predictive standard errors cover what they say; other personal steps and bad rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.base import clone
from sklearn.isotonic import IsotonicRegression

from personalize.adaptation.isotonic import Isotonic
from personalize.adaptation.ordinal import Ordinal
from personalize.adaptation.personal import make_adaptation, make_head
from personalize.adaptation.prior import Prior
from personalize.adaptation.ridge import Ridge
from pretrain.errors import UserError
from tests.personalize.adaptation.adaptation_worlds import classed, people


def new_people(name, world, first="sub-060", kind="number"):
    """Rows of the test people, how the adaptation predicts them, and the model."""
    train, new = world.take(world.person < first), world.take(world.person >= first)
    head = make_head(kind).fit(train.x, train.y, train.person, held_out=np.unique(new.person).tolist())
    masks = {"calibration": train.calibration, "test": train.test}
    model = make_adaptation(name, kind).learn_prior(train.x, train.y, train.person, **masks, start=head)
    own, asked = new.take(new.calibration), new.take(new.test)
    model.fit(own.x, own.y, own.person, start=head)
    return asked, model.predict(asked.x, asked.person), model


def covered(asked, found):
    away = np.abs(asked.y - found.value) / found.se
    return np.mean(away < norm.ppf(0.9)), np.mean(away < norm.ppf(0.975))


@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_intervals_cover_on_people_who_differ_as_assumed(k):
    """At k = 0, too, where the distance between people is in them."""
    found = [covered(*new_people("ridge", people(360, k=k, offset=1.0, gain=0.5, seed=s))[:2]) for s in range(2)]
    np.testing.assert_allclose(np.mean(found, axis=0), [0.80, 0.95], atol=0.03)


def test_intervals_stay_near_on_heavier_noise():
    found = covered(*new_people("ridge", people(360, k=3, offset=1.0, gain=0.5, heavy=True))[:2])
    np.testing.assert_allclose(found, [0.80, 0.95], atol=0.05)


def test_labels_narrow_the_intervals_and_gains_widen_them_far_out():
    wide, narrow = (new_people("calibrate", people(120, k=k, offset=1.5, gain=0.7))[1] for k in (0, 5))
    assert narrow.se.mean() < 0.8 * wide.se.mean()
    asked, found, _ = new_people("calibrate", people(120, k=0, gain=1.0))
    far = np.abs(asked.x[:, 0] + asked.x[:, 1]) > 2
    assert found.se[far].mean() > 1.3 * found.se[~far].mean()


def test_calibrate_has_offset_and_gain_only():
    _, _, model = new_people("calibrate", people(90, k=5, offset=1.0, gain=0.5))
    assert isinstance(model, Ridge) and all(len(coef) == 2 for coef in model.coef_.values())


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(40)))
def test_order_of_rows_and_of_people_changes_nothing(order):
    world = people(8, units=10, k=5)
    head = make_head("number").fit(world.x, world.y, world.person, held_out=[])
    own, some = world.take(world.calibration), np.array(order)
    found = []
    for rows in (np.arange(40), some):
        model = Ridge(components=3)
        model.prior_ = model.spread_ = Prior(1.0, 0.3, 0.1)
        model.noise_ = 1.0
        model.fit(own.x[rows], own.y[rows], own.person[rows], start=head)
        found.append(model.predict(world.x, world.person))
    np.testing.assert_allclose(found[0].value, found[1].value, atol=1e-9)
    np.testing.assert_allclose(found[0].se, found[1].se, atol=1e-9)


def test_isotonic_is_the_shrunk_regression_of_scikit_learn():
    world = people(4, units=12, k=6)
    head = make_head("number").fit(world.x, world.y, world.person, held_out=[])
    model = Isotonic()
    model.strength_, model.se_ = 3.0, 1.0
    own = world.take(world.calibration & (world.person == "sub-001"))
    found = model.fit(own.x, own.y, own.person, start=head).predict(world.x, world.person)
    population = head.predict(world.x).value
    line = IsotonicRegression(out_of_bounds="clip").fit(head.predict(own.x).value, own.y)
    theirs = world.person == "sub-001"
    want = population + (6 / 9) * (line.predict(population) - population)
    np.testing.assert_allclose(found.value[theirs], want[theirs], atol=1e-9)
    np.testing.assert_array_equal(found.value[~theirs], population[~theirs])
    few = model.fit(own.x[:2], own.y[:2], own.person[:2], start=head).predict(world.x, world.person)
    np.testing.assert_array_equal(few.value, population)


def test_isotonic_helps_where_people_bend_the_scale():
    world = people(90, units=60, k=25, noise=0.3, gain=0.8, seed=1)
    asked, found, model = new_people("isotonic", world)
    assert np.isfinite(model.strength_)
    none = new_people("none", world)[1]
    assert np.mean((found.value - asked.y) ** 2) < 0.8 * np.mean((none.value - asked.y) ** 2)


def levels(world, edges=(0.0, 2.0, 4.0)):
    return world._replace(y=np.searchsorted(edges, world.y).astype(float))


def test_ordinal_moves_the_cuts_of_people_who_differ():
    """Numeric levels: error falls; the standard error is of the right size."""
    world = levels(people(160, units=40, k=10, offset=1.5))
    asked, found, model = new_people("ordinal", world)
    none = new_people("none", world)[1]
    assert model.share_ > 0
    assert np.mean((found.value - asked.y) ** 2) < 0.85 * np.mean((none.value - asked.y) ** 2)
    assert np.mean((asked.y - found.value) ** 2 / found.se**2) == pytest.approx(1, abs=0.2)
    assert ((found.value >= 0) & (found.value <= 3)).all()


def test_ordinal_cuts_of_the_population_are_those_that_made_the_levels():
    world = levels(people(200, units=20, k=0, noise=0.7))
    model = new_people("ordinal", world)[2]
    # the score is the head's prediction of the level, a line in the latent number
    slope = np.polyfit([0.0, 2.0, 4.0], model.cuts_, 1)
    np.testing.assert_allclose(np.polyval(slope, [0.0, 2.0, 4.0]), model.cuts_, atol=0.05)
    assert model.scale_ / slope[0] == pytest.approx(0.7, abs=0.07)


def test_ordinal_classes_keep_probabilities():
    world = levels(people(90, units=40, k=10, offset=1.5))
    asked, found, _ = new_people("ordinal", world, kind="class")
    none = new_people("none", world, kind="class")[1]
    np.testing.assert_allclose(found.probability.sum(axis=1), 1)
    assert (found.probability >= 0).all()
    assert np.mean(found.value == asked.y) > np.mean(none.value == asked.y) + 0.03


def test_ordinal_refuses_a_number_without_levels():
    with pytest.raises(UserError, match="at most 20 levels, the target has"):
        new_people("ordinal", people(70))


CASES = [
    *[(n, "number") for n in ("none", "calibrate", "isotonic", "ordinal", "ridge", "participant_prior", "ridge+guard")],
    *[(n, "class") for n in ("none", "ordinal", "ridge", "participant_prior", "ridge+guard")],
]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_zero_rows_one_row_and_unknown_people(name, kind):
    world = levels(people(14, k=2)) if kind == "number" else classed(14, k=1)
    asked, found, model = new_people(name, world, "sub-010", kind)
    assert len(found.value) == len(asked.y) and np.isfinite(found.value).all() and np.isfinite(found.se).all()
    assert model.participants_ == {f"sub-{i:03d}" for i in range(10, 14)}
    assert model.prior_participants_ == {f"sub-{i:03d}" for i in range(10)}
    assert model.seen_.participants == set(world.person)
    assert clone(model).get_params().keys() == model.get_params().keys()
    head = make_head(kind).fit(world.x, world.y, world.person, held_out=[])
    population = head.predict(world.x)
    nobody = model.fit(world.x[:0], world.y[:0], world.person[:0], start=head)
    assert nobody.participants_ == frozenset()
    if name != "participant_prior":
        np.testing.assert_array_equal(nobody.predict(world.x, world.person).value, population.value)
    assert len(nobody.predict(world.x[:0], world.person[:0]).value) == 0
    one = model.fit(world.x[:1], world.y[:1], np.array(["new"]), start=head).predict(world.x, world.person)
    if name != "participant_prior":
        np.testing.assert_array_equal(one.value, population.value)


@pytest.mark.parametrize("kind", ["number", "class"])
def test_bad_rows_are_refused_by_the_name_of_the_person(kind):
    world = people(6) if kind == "number" else classed(6)
    bad = world.x.copy()
    bad[world.person == "sub-003"] = np.nan
    with pytest.raises(UserError, match="'sub-003' has features not finite in"):
        make_head(kind).fit(bad, world.y, world.person, held_out=[])
    head = make_head(kind).fit(world.x, world.y, world.person, held_out=[])
    masks = {"calibration": world.calibration, "test": world.test}
    model = make_adaptation("ridge", kind).learn_prior(world.x, world.y, world.person, **masks, start=head)
    with pytest.raises(UserError, match="'sub-003'"):
        model.fit(bad, world.y, world.person, start=head)
    twice = np.where(np.arange(len(world.y)) == 0, "SUB-000 ", world.person)
    with pytest.raises(UserError, match="'SUB-000 ' and 'sub-000' differ only in spelling"):
        model.fit(world.x, world.y, twice, start=head)
    labels = world.y.copy()
    labels[5] = np.nan
    with pytest.raises(UserError, match="'sub-000' has a label not finite in 1 of"):
        model.fit(world.x, labels, world.person, start=head)
    with pytest.raises(UserError, match="rows of features"):
        model.fit(world.x, world.y, world.person[:-1], start=head)


def test_ordinal_by_hand():
    """One cut, one label above it: Bayes' rule over the places of the cut."""
    model = Ordinal()
    model.levels_, model.cuts_, model.scale_ = np.array([0.0, 1.0]), np.array([0.5]), 2.0
    belief = model._belief(np.array([1.0]), np.array([1.0]), 0.5)[0]
    places = 0.5 + np.sqrt(0.5) * 2.0 * np.linspace(-4, 4, 81)
    want = norm.pdf(np.linspace(-4, 4, 81)) * norm.cdf((1.0 - places) / (np.sqrt(0.5) * 2.0))
    np.testing.assert_allclose(belief, want / want.sum(), atol=1e-6)
    free = model._probability(np.array([1.0]), model._belief(np.zeros(0), np.zeros(0), 0.5), 0.5)
    np.testing.assert_allclose(free[0, 1], norm.cdf((1.0 - 0.5) / 2.0), atol=1e-3)  # without labels the population's
