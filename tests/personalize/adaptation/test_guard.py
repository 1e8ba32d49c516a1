"""The guard: fewer people are harmed, at small cost where people differ."""

from copy import copy

import numpy as np
import pytest
from sklearn.base import clone

from personalize.adaptation.guard import Guard, Slope, Trust, _left_out_slopes, _weight
from personalize.adaptation.personal import make_adaptation, make_head
from personalize.adaptation.ridge import Ridge
from tests.personalize.adaptation.adaptation_worlds import classed, people

DELTA = 0.05


def gains(name, world, kind="number"):
    """How much smaller the error of every new person is under the adaptation, and the model."""
    train, new = world.take(world.person < "sub-030"), world.take(world.person >= "sub-030")
    head = make_head(kind).fit(train.x, train.y, train.person, held_out=[])
    masks = {"calibration": train.calibration, "test": train.test}
    model = make_adaptation(name, kind).learn_prior(train.x, train.y, train.person, **masks, start=head)
    own, asked = new.take(new.calibration), new.take(new.test)
    model.fit(own.x, own.y, own.person, start=head)
    errors = [
        np.abs(asked.y - p.value) if kind == "number" else (asked.y != p.value).astype(float)
        for p in (head.predict(asked.x), model.predict(asked.x, asked.person))
    ]
    return np.array([np.mean((errors[0] - errors[1])[asked.person == p]) for p in np.unique(asked.person)]), model


def test_fewer_people_are_harmed_at_small_cost():
    bare, guarded = (
        np.concatenate([gains(name, people(90, k=3, offset=0.7, seed=seed))[0] for seed in range(2)])
        for name in ("ridge", "ridge+guard")
    )
    assert np.mean(guarded < -DELTA) < 0.75 * np.mean(bare < -DELTA)
    assert guarded.mean() > 0.8 * bare.mean() > 0.04


def test_what_helps_nobody_is_held_back_altogether():
    bare, guarded = (
        gains(name, people(90, k=3, offset=0.2))[0] for name in ("participant_prior", "participant_prior+guard")
    )
    assert np.mean(bare < -DELTA) > 0.8
    assert np.mean(guarded < -DELTA) < 0.25 and guarded.mean() > -0.02


def test_classes_are_guarded_by_their_probabilities():
    found, model = gains("ridge+guard", classed(60, k=2, common=1.2), "class")
    assert found.mean() > 0.05
    assert set(model.weight_) == model.participants_ and all(0 <= w <= 1 for w in model.weight_.values())


def test_own_labels_are_each_predicted_without_themselves():
    """The slope of a person equals a loop that leaves out one label at a time."""
    world = people(8, units=10, k=4, offset=1.0)
    head = make_head("number").fit(world.x, world.y, world.person, held_out=[])
    masks = {"calibration": world.calibration, "test": world.test}
    model = Ridge().learn_prior(world.x, world.y, world.person, **masks, start=head)
    own = world.take(world.calibration)
    slopes = _left_out_slopes(model, own.x, own.y, own.person, head)
    for person in np.unique(own.person):
        rows, cross, square = np.flatnonzero(own.person == person), [], []
        for row in rows:
            rest = rows[rows != row]
            model.fit(own.x[rest], own.y[rest], own.person[rest], start=head)
            population = head.predict(own.x[[row]]).value[0]
            change = model.predict(own.x[[row]], own.person[[row]]).value[0] - population
            cross.append((own.y[row] - population) * change)
            square.append(change**2)
        np.testing.assert_allclose(slopes[person], (np.mean(cross), np.mean(square), 4), atol=1e-9)


def test_weights_are_pooled_slopes_between_nothing_and_the_most():
    others = Slope(1.0, 2.0, 1.0)
    assert _weight(Slope(9.0, 1.0, 5.0), others, Trust(np.inf, 1.0)) == 0.5
    assert _weight(Slope(9.0, 1.0, 5.0), others, Trust(5.0, 0.5)) == 0.5
    assert _weight(Slope(-9.0, 1.0, 5.0), others, Trust(1.0, 1.0)) == 0.0
    assert _weight(Slope(0.0, 0.0, 0.0), others, Trust(1.0, 1.0)) == 0.5
    assert _weight(Slope(1.0, 1.0, 3.0), others, Trust(3.0, 1.0)) == pytest.approx(1.0 / 1.5)


def test_no_labels_and_unknown_people_are_the_population():
    world = people(12, k=0)
    head = make_head("number").fit(world.x, world.y, world.person, held_out=[])
    guard = Guard(Ridge())
    assert clone(guard).get_params(deep=False)["penalty"] == 3.0
    masks = {"calibration": world.calibration, "test": world.test}
    guard.learn_prior(world.x, world.y, world.person, **masks, start=head)
    guard.fit(world.x[:0], world.y[:0], world.person[:0], start=head)
    found = guard.predict(world.x, world.person)
    np.testing.assert_array_equal(found.value, head.predict(world.x).value)
    assert guard.weight_ == {} and guard.seen_.participants == set(world.person)


def test_copies_with_one_prior_are_fitted_apart():
    world = people(12, k=3, offset=2.0)
    head = make_head("number").fit(world.x, world.y, world.person, held_out=[])
    masks = {"calibration": world.calibration, "test": world.test}
    guard = Guard(Ridge()).learn_prior(world.x, world.y, world.person, **masks, start=head)
    own = world.take(world.calibration)
    first = copy(guard).fit(own.x, own.y, own.person, start=head)
    before = first.predict(world.x, world.person).value
    copy(guard).fit(own.x, -own.y, own.person, start=head)
    np.testing.assert_array_equal(first.predict(world.x, world.person).value, before)
