"""Which rows a step learns from, and what is held back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.heads.training.held_back import held_back
from personalize.heads.training.schedule import Optimizer, Pool, Training, schedule
from personalize.protocols.units import read_units
from pretrain.errors import UserError


def pool(sizes, seed=0):
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    person = np.repeat([f"p{i}" for i in range(len(sizes))], sizes)
    return Pool(rng.permutation(3 * count)[:count], person, rng.integers(3, size=count))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 30), st.integers(0, 9))
def test_every_epoch_takes_every_row_once_and_a_step_is_a_function_of_seed_and_number(sizes, batch, steps, seed):
    some = pool(sizes)
    found, per_epoch = schedule(some, Training(epochs=None, steps=steps, batch=batch), seed)
    assert found.shape == (steps, batch) and per_epoch == len(some.rows) / batch
    stream = found.ravel()
    for first in range(0, len(stream) - len(some.rows) + 1, len(some.rows)):
        assert sorted(stream[first : first + len(some.rows)]) == sorted(some.rows)
    longer, _ = schedule(some, Training(epochs=None, steps=steps + 5, batch=batch), seed)
    assert (longer[:steps] == found).all()


def test_epochs_differ_and_so_do_seeds():
    some, training = pool([20, 20]), Training(epochs=2, batch=40)
    (first, second), other = schedule(some, training, 0)[0], schedule(some, training, 1)[0][0]
    assert (first != second).any() and (first != other).any()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 12))
def test_batches_of_one_person_hold_one_person_and_an_epoch_everybody(sizes, batch):
    some = pool(sizes)
    found, per_epoch = schedule(some, Training(epochs=1, batch=batch, batch_of="one person"), 0)
    owner = dict(zip(some.rows.tolist(), some.person.tolist(), strict=True))
    assert all(len({owner[row] for row in step}) == 1 for step in found.tolist())
    assert set(found.ravel().tolist()) == set(some.rows.tolist())
    assert per_epoch == sum(-(-size // batch) for size in sizes) == len(found)


def test_undersampling_makes_classes_equally_frequent_and_uses_all_rows_in_time():
    some = Pool(np.arange(30), np.repeat("p", 30), np.repeat([0, 1, 2], [20, 7, 3]))
    found, per_epoch = schedule(some, Training(epochs=60, batch=9, undersample=True), 0)
    assert per_epoch == 1
    assert all((np.bincount(some.label[step]) == 3).all() for step in found)
    assert set(found.ravel().tolist()) == set(range(30))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": 5}, "either epochs or steps"),
        ({"epochs": None}, "either epochs or steps"),
        ({"patience": 3}, "patience needs validate_on"),
        ({"undersample": True, "batch_of": "one person"}, "undersample"),
        ({"optimizer": {"name": "adam", "rate": 0.0}}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Training(**wrong)
    assert Optimizer().name == "adam"


def units(people=4, per=10, overlap=0.0):
    t0 = np.tile(np.arange(per), people).astype(float)
    names = np.repeat([f"p{i}" for i in range(people)], per)
    return read_units({"participant": names, "recording": names, "t0": t0, "t1": t0 + 1 + overlap})


def test_people_are_held_back_whole():
    some = units()
    learn, held = held_back(some, "people", 0.4, seed=1)
    assert (learn != held).all()
    assert len(set(some.participant[held])) == 2 and not set(some.participant[held]) & set(some.participant[learn])
    seeds = {tuple(np.unique(some.participant[held_back(some, "people", 0.4, seed)[1]])) for seed in range(9)}
    assert len(seeds) > 1
    with pytest.raises(UserError, match="needs 2 participants"):
        held_back(units(people=1), "people", 0.4, seed=1)


def test_the_tail_is_the_end_of_every_recording_and_nothing_learnt_from_overlaps_it():
    some = units(overlap=0.5).take(np.random.default_rng(0).permutation(40))
    learn, held = held_back(some, "tail", 0.2, seed=0)
    assert sorted(some.t0[held]) == [8] * 4 + [9] * 4
    assert sorted(set(some.t0[learn])) == list(range(7)) and learn.sum() == 28
    with pytest.raises(UserError, match="too few"):
        held_back(units(per=1), "tail", 0.2, seed=0)
