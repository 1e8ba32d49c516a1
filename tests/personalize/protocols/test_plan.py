"""Who trains, calibrates and is tested in every fold, draw and k of a comparison."""

from dataclasses import replace

import numpy as np
import pytest

from personalize.config import AdaptationConfig, FirstSeconds, LabelZero, LowestPredicted, MarkedRest, PersonalizeConfig
from personalize.protocols.config import BlockedConfig, GroupKFoldConfig, KShotConfig, LosoConfig, SessionConfig
from personalize.protocols.neutral import overlapping
from personalize.protocols.plan import Plan, outer_folds
from personalize.protocols.problem import Rests
from pretrain.errors import UserError
from tests.personalize.protocols.cell_worlds import table_world

CURVE = tuple(AdaptationConfig("ridge", k) for k in (0, 1, 2, 99))


def plan(problem, adaptations=CURVE, **options) -> Plan:
    config = PersonalizeConfig(adaptations=adaptations, **options)
    return Plan(problem, config, config.cells())


@pytest.mark.parametrize("protocol", [KShotConfig(), BlockedConfig(), KShotConfig(people="group_kfold", n_splits=3)])
@pytest.mark.parametrize("classes", [0, 3])
def test_k_changes_the_calibration_and_nothing_else(protocol, classes):
    found = plan(table_world(classes=classes), protocol=protocol)
    for job in found.jobs():
        people = found.units.participant
        tested = set(people[job.test])
        assert not tested & set(people[job.train])
        for k, own in job.calibration.items():
            assert set(people[own]) <= tested
            assert not set(own) & set(job.test)
            for person in tested:
                for label in range(classes) if classes else [None]:
                    some = own[people[own] == person]
                    some = some if label is None else some[found.y[some] == label]
                    pool = 6 if label is None else 2
                    assert len(some) == min(k, pool)


def test_without_order_every_draw_has_its_labels_and_a_smaller_k_is_among_a_larger():
    found = plan(table_world(classes=2, ordered=False), protocol=KShotConfig(draws=21, seed=5))
    jobs = found.jobs()
    assert found.seeds() == list(range(5, 26))
    assert found.name() == "k_shot order: none"
    assert [[job.seed for job in some] for _, some in outer_folds(jobs)] == [list(range(5, 26))] * 6
    assert len({tuple(job.test) for job in jobs[:21]}) > 15
    for job in jobs:
        assert set(job.calibration[1]) <= set(job.calibration[2]) <= set(job.calibration[99])
        assert np.bincount(found.y[job.test].astype(int)).tolist() == [3, 3]


def test_roles_of_training_people_are_as_the_tested_ones_meet_them():
    found = plan(table_world(), protocol=KShotConfig())
    calibration, test = found.roles(2, 0)
    for job in found.jobs():
        mine = found.units.participant == job.outer
        assert np.flatnonzero(calibration & mine).tolist() == job.calibration[2].tolist()
        assert np.flatnonzero(test & mine).tolist() == job.test.tolist()


def test_units_near_a_neutral_moment_are_tested_in_no_adaptation():
    problem = table_world()
    reference = (AdaptationConfig("reference"),)
    rest = Rests(np.array(["sub-00"]), np.array([8.0]), np.array([10.0]))
    for neutral, cut in ((FirstSeconds(seconds=9.0), 9 * 6), (MarkedRest(), 2)):
        found = plan(replace(problem, rests=rest), reference, neutral=neutral)
        assert found.cut.sum() == cut
        assert not found.cut[np.concatenate([job.test for job in found.jobs()])].any()
    assert not plan(problem, neutral=FirstSeconds(seconds=9.0)).cut.any()  # where nobody uses it
    assert not plan(problem, reference, neutral=LowestPredicted()).cut.any()


def test_an_oracle_neutral_moment_is_cut_from_the_test():
    problem = table_world()
    found = plan(problem, (AdaptationConfig("reference", 2),), neutral=LabelZero(zero=-0.5, oracle=True))
    low = problem.rows.y <= -0.5
    expected = overlapping(low, problem.rows.recording, problem.rows.t0, problem.rows.t1)
    np.testing.assert_array_equal(found.cut, expected)
    assert found.neutral(2, 0).oracle
    honest = plan(problem, (AdaptationConfig("reference", 2),), neutral=LabelZero(zero=-0.5))
    assert not honest.neutral(2, 0).oracle
    assert honest.neutral(2, 0).labels_used.max() == 2


@pytest.mark.parametrize(
    ("problem", "adaptations", "options", "words"),
    [
        ({"people": 2}, CURVE, {}, "2 participants have labelled units; leaving one out needs at least 3"),
        ({}, CURVE, {"protocol": LosoConfig()}, "gives no labels of the person: 'ridge' with k=1"),
        ({}, (AdaptationConfig("normalise"),), {"protocol": GroupKFoldConfig(n_splits=2)}, "take normalise_all"),
        ({"ordered": False}, (AdaptationConfig("reference"),), {}, "`reference` by first_seconds needs an order"),
        ({}, (AdaptationConfig("reference"),), {"neutral": MarkedRest()}, "nothing is marked on the scale 'rest'"),
        ({"ordered": False}, CURVE, {"protocol": BlockedConfig()}, "protocol 'blocked' needs an order"),
        ({}, (AdaptationConfig("reference", 1),), {"neutral": LabelZero(), "protocol": LosoConfig()}, "label"),
    ],
)
def test_what_the_data_do_not_allow_is_refused(problem, adaptations, options, words):
    with pytest.raises(UserError, match=words):
        plan(table_world(**problem), adaptations, **options).jobs()


def test_nobody_with_a_later_session_is_refused():
    with pytest.raises(UserError, match="nobody has units left to test"):
        plan(table_world(), protocol=SessionConfig()).jobs()
