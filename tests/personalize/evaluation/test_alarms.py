"""Alarms against a bedside written as a loop, and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.evaluation.alarms import ALARMS, EPISODES, FALSE, HOURS, MISSED, Times, alarm_rows, alarm_sums
from personalize.evaluation.people import by_people
from personalize.evaluation.rows import check_interval


def bedside(event, called, recording, onset, seconds, person):
    """Alarms, false ones, episodes, missed ones and hours by person, one unit after the other."""
    found = {name: np.zeros(5) for name in sorted(set(person.tolist()))}
    for name in sorted(set(recording.tolist())):
        rows = sorted(np.flatnonzero(recording == name).tolist(), key=lambda i: (onset[i], i))
        latest, before, runs = -np.inf, 0.0, {"alarm": None, "episode": None}
        for i in rows:
            sums = found[person[i]]
            broken = onset[i] - latest > before + 1e-9
            for what, on, other, every, alone in (
                ("alarm", called[i], event[i], ALARMS, FALSE),
                ("episode", event[i], called[i], EPISODES, MISSED),
            ):
                if not on:
                    runs[what] = None
                    continue
                if runs[what] is None or broken:
                    runs[what] = False
                    sums[every] += 1
                    sums[alone] += 1
                if other and runs[what] is False:
                    runs[what] = True
                    sums[alone] -= 1
            sums[HOURS] += max(0.0, onset[i] + seconds[i] - max(onset[i], latest)) / 3600
            latest, before = max(latest, onset[i] + seconds[i]), seconds[i]
    return np.stack([found[name] for name in sorted(found)])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 100_000))
def test_sums_are_those_of_the_loop(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    recording = np.sort(rng.integers(0, 4, n)).astype(str)
    person = np.where(np.isin(recording, ["0", "1"]), "a", "b")
    onset = np.round(rng.uniform(0, 30, n), 1) + np.arange(n) * 1e-3  # in any order, with gaps and overlaps
    seconds = rng.choice([0.5, 1.0, 3.0], n)
    event, p = rng.random(n) < 0.4, rng.random(n)
    units = by_people(event.astype(float), p, person, np.full(n, 0.5))
    found = alarm_sums(units, Times(recording, onset, seconds))
    np.testing.assert_allclose(found, bedside(event, p >= 0.5, recording, onset, seconds, person), atol=1e-12)


def by_hand(called, event, people=2):
    """Units of 10 minutes, one after the other, the same for everybody."""
    n = len(called)
    units = by_people(
        np.tile(np.array(event, float), people),
        np.tile(np.array(called, float), people),
        np.repeat([f"p{i}" for i in range(people)], n),
        np.full(n * people, 0.5),
    )
    return units, Times(units.names[units.code], np.tile(600.0 * np.arange(n), people), np.full(n * people, 600.0))


def test_by_hand():
    #         a false alarm, a true one that begins before the pain, an episode missed
    called = [0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0]
    event_ = [0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 0]
    units, at = by_hand(called, event_)
    rows = {row["metric"]: row for row in alarm_rows([units], [at])}
    assert {key: rows["missed_episodes"][key] for key in ("alarms", "false_alarms", "episodes", "missed", "hours")} == {
        "alarms": 4.0, "false_alarms": 2.0, "episodes": 4.0, "missed": 2.0, "hours": 4.0,
    }  # fmt: skip
    assert rows["false_alarms_per_hour"]["value"] == pytest.approx(0.5)
    assert rows["alarms_per_hour"]["value"] == pytest.approx(1.0)
    assert rows["missed_episodes"]["value"] == pytest.approx(0.5)
    for row in rows.values():
        check_interval(row, row["value"], row["metric"])


def test_a_gap_ends_a_run_and_overlapping_windows_are_one_time():
    one = by_people(np.zeros(3), np.ones(3), np.array(["a"] * 3), np.full(3, 0.5))
    name = np.array(["r"] * 3)
    apart = alarm_sums(one, Times(name, np.array([0.0, 10.0, 31.0]), np.full(3, 10.0)))[0]
    assert (apart[ALARMS], apart[HOURS] * 3600) == (2, 30)
    inside = alarm_sums(one, Times(name, np.array([0.0, 5.0, 10.0]), np.full(3, 10.0)))[0]
    assert (inside[ALARMS], inside[HOURS] * 3600) == (1, 20)


def test_silence_says_for_how_long_it_lasted():
    units, at = by_hand([0] * 12, [0, 1] * 6, people=3)
    rows = {row["metric"]: row for row in alarm_rows([units], [at])}
    row = rows["false_alarms_per_hour"]
    assert (row["value"], row["reason"]) == (None, "none in 6 hours of 3 participants")
    missed = rows["missed_episodes"]
    assert (missed["value"], missed["high"]) == (1.0, 1.0)
    assert missed["low"] == pytest.approx(0.025 ** (1 / 3))
    calm, at = by_hand([1] * 4, [0] * 4)
    assert {r["metric"]: r for r in alarm_rows([calm], [at])}["missed_episodes"]["reason"] == "no episode"
    stills = at._replace(seconds=np.zeros(8))
    assert alarm_rows([calm], [stills])[0]["reason"] == "the units last no time"


def test_people_without_pain_do_not_count_among_those_whose_pain_is_missed():
    units, at = by_hand([0, 0, 1, 0], [0, 1, 1, 0], people=4)
    units = units._replace(truth=np.where(units.code < 2, units.truth, 0.0))
    rows = {row["metric"]: row for row in alarm_rows([units], [at])}
    assert rows["missed_episodes"]["n_participants"] == 2
    assert rows["alarms_per_hour"]["n_participants"] == 4
