"""Protocols and their ratings, on truth values."""

import numpy as np
import pytest

from personalize.phantom.face.facs import pspi
from personalize.phantom.filming import Take, observers
from personalize.phantom.patient.course import coded
from personalize.phantom.plan import quiet, within
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.scenarios.base import Scenario
from personalize.phantom.worlds import NATURAL
from tests.personalize.phantom.phantom_worlds import film


def events(take: Take, scenario: Scenario, seed: int = 0):
    return scenario.events(take.recording, observers(scenario, NATURAL, 5), np.random.default_rng(seed))


def values(table, scale: str) -> np.ndarray:
    return table.loc[table["scale"] == scale, "value"].to_numpy()


@pytest.mark.parametrize("name", SCENARIOS)
def test_plans_are_whole(name):
    for take in film(name, people=8):
        plan = take.recording.plan
        assert plan.pain.shape == plan.shown.shape == plan.time.shape
        assert quiet(plan).any() and not quiet(plan).all()
        covered = np.sum([within(plan.time, p) for p in plan.phases], 0)
        np.testing.assert_array_equal(covered, 1)
        assert plan.pain.min() >= 0 and plan.pain.max() <= 10


@pytest.mark.parametrize("name", SCENARIOS)
def test_events_lie_in_the_recording_and_on_their_scales(name):
    tops = {"vas": 10, "nrs": 10, "pspi": 16, "opi": 5, "sen": 15, "aff": 15, "pacslac2": 31}
    for take in film(name, people=6):
        table = events(take, SCENARIOS[name])
        length = take.recording.plan.time[-1] + take.recording.plan.time[1]
        assert list(table.columns) == ["onset", "duration", "scale", "value", "rater"]
        assert table["onset"].min() >= 0 and (table["onset"] + table["duration"]).max() <= length + 1e-6
        for scale, rows in table.groupby("scale"):
            assert rows["value"].dropna().between(0, tops[scale]).all(), scale


@pytest.mark.parametrize("name", SCENARIOS)
def test_default_cohorts_keep_to_the_promised_size(name):
    extent = SCENARIOS[name].default
    assert 12 <= extent.participants <= 30 and 10 <= extent.fps <= 15 and extent.size in (128, 160)
    assert SCENARIOS[name].full.participants >= extent.participants


def test_cold_pressor_has_a_baseline_and_rises_to_a_tolerance():
    takes = film("cold_pressor", people=12)
    ends = []
    for take in takes:
        plan = take.recording.plan
        phase = {p.name: p for p in plan.phases}
        assert phase["neutral"].duration + phase["baseline"].duration == 30
        assert not plan.pain[plan.time < 30].any()
        immersed = plan.pain[within(plan.time, phase["immersion"])]
        assert (np.diff(immersed) >= 0).all() and immersed[-1] > 3
        assert plan.pain[-1] < 0.3 * immersed[-1]
        gaps = np.diff(plan.asked)
        assert (gaps >= 10).all() and (gaps <= 15).all() and len(plan.asked) >= 3
        ends.append(phase["immersion"].duration)
    assert min(ends) < 0.7 * max(ends), "everybody stays as long"
    clocks = np.array([t.recording.plan.clock for t in takes]).reshape(12, -1)
    assert (clocks[:, 0] == 0).all() and (np.diff(clocks, axis=1) > 300).all()


def test_cold_pressor_reports_are_whole_numbers_that_follow_pain():
    felt, said = [], []
    for take in film("cold_pressor", people=12):
        table = events(take, SCENARIOS["cold_pressor"])
        felt += np.interp(table["onset"], take.recording.plan.time, take.recording.plan.pain).tolist()
        said += table["value"].tolist()
    felt, said = np.array(felt), np.array(said)
    heard = ~np.isnan(said)
    assert (said[heard] == np.round(said[heard])).all()
    assert np.corrcoef(felt[heard], said[heard])[0, 1] > 0.7


def test_people_speak_when_they_are_asked():
    from personalize.phantom.face.facs import AU

    takes = film("cold_pressor", people=12)
    mouths, elsewhere = [], []
    for take in takes:
        plan, lips = take.recording.plan, take.recording.course.aus[:, AU["AU25"]]
        speaking = np.any([(plan.time > t + 0.2) & (plan.time < t + 1.2) for t in plan.asked], 0)
        free = plan.pain == 0
        mouths.append(lips[speaking & free].mean())
        elsewhere.append(lips[~speaking & free].mean())
    assert np.mean(mouths) > 1.5 * np.mean(elsewhere)


def test_dementia_groups_take_turns_and_differ_as_they_say():
    takes = film("dementia", people=60)
    person = {t.member.number: t for t in takes}
    groups = [person[n].member.group.name for n in sorted(person)]
    assert groups == ["dementia", "healthy"] * 30
    ages = {g: [t.recording.person.about.age for t in takes if t.member.group.name == g] for g in set(groups)}
    assert min(ages["healthy"]) >= 65 and min(ages["dementia"]) >= 72
    rest = {
        g: np.mean([t.recording.person.signature.rest.sum() for t in takes if t.member.group.name == g])
        for g in set(groups)
    }
    assert rest["dementia"] > 1.2 * rest["healthy"]
    lying = [t.camera.covers.pillow > 0 for t in takes if t.member.group.name == "dementia"]
    assert 0.2 < np.mean(lying) < 0.6
    assert not any(t.camera.covers.pillow for t in takes if t.member.group.name == "healthy")


def test_people_with_dementia_give_no_number_and_nurses_do():
    for take in film("dementia", people=8):
        table = events(take, SCENARIOS["dementia"])
        said = values(table, "nrs")
        assert np.isnan(said).all() if take.member.group.name == "dementia" else np.isfinite(said).any()
        assert len(values(table, "pacslac2")) == 4 and np.isfinite(values(table, "pacslac2")).all()
        np.testing.assert_array_equal(values(table, "pspi"), pspi(coded(take.recording.course)))


def test_being_moved_hurts_more_than_resting_and_nurses_see_it():
    takes = film("dementia", people=30)
    change = []
    for take in takes:
        table = events(take, SCENARIOS["dementia"])
        seen = table[table["scale"] == "pacslac2"].groupby("onset")["value"].mean()
        change.append(seen.iloc[1] - seen.iloc[0])
    assert np.mean(change) > 1


def test_shoulder_sequences_name_test_movement_and_arm():
    takes = film("shoulder", people=10, recordings=8)
    for number in range(1, 11):
        names = [take.recording.plan.about for take in takes if take.member.number == number]
        assert len(set(names)) == 8
        assert [dict(n)["side"] for n in names].count("affected") == 4


def test_shoulder_is_mostly_free_of_pain_and_the_affected_arm_hurts():
    takes = film("shoulder", people=25)
    codes = np.concatenate([pspi(coded(t.recording.course)) for t in takes])
    assert 0.6 < np.mean(codes == 0) < 0.9
    worst = {s: [t.recording.plan.pain.max() for t in takes if dict(t.recording.plan.about)["side"] == s]
             for s in ("affected", "unaffected")}  # fmt: skip
    assert np.median(worst["affected"]) > 3 > np.median(worst["unaffected"])
    vas = [values(events(t, SCENARIOS["shoulder"]), "vas")[0] for t in takes]
    assert np.isfinite(vas).all()


def test_people_do_not_depend_on_their_company():
    alone = film("shoulder", people=3)[-1]
    crowd = [t for t in film("shoulder", people=9) if t.member.number == 3][-1]
    np.testing.assert_array_equal(alone.recording.course.muscles, crowd.recording.course.muscles)
    np.testing.assert_array_equal(alone.faces.scene.exposure, crowd.faces.scene.exposure)


def test_two_seeds_are_two_casts():
    a, b = film("episodes", people=1), film("episodes", people=1, seed=6)
    assert not np.array_equal(a[0].recording.person.signature.gain, b[0].recording.person.signature.gain)
