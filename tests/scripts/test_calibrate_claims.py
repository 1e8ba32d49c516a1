"""`scripts/calibrate_claims` at a size for tests: people, meters, verdicts and marks."""

import json

import numpy as np
import pytest

from personalize.evaluation.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED
from personalize.phantom.cohort import STRIDE
from personalize.phantom.filming import cast, takes
from personalize.phantom.scenarios import COLD_PRESSOR
from personalize.phantom.worlds import NATURAL
from personalize.signals.meter import Meter
from scripts.claims import study, work
from scripts.claims.meters import TOP, Reading, labelled, measure, personal
from scripts.claims.streams import RATE, WINDOW, chosen, joined, streams
from scripts.claims.study import claim_of, decide, decide_plainly, predictions, read_question, some
from scripts.claims.table import interval, markdown, misses
from scripts.claims.work import Cell, cells

QUESTION = read_question()
SMALL = {**QUESTION, "cohorts": 40, "people": {**QUESTION["people"], "pool": 60, "reading": 25}}
MAE, AUROC = 0, 1


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The people of `cold_pressor`, and the noise at which the two systems are alike in their MAE."""
    folder = tmp_path_factory.mktemp("claims")
    (folder / "small.json").write_text(json.dumps(SMALL))
    here = work.place(folder, SMALL)
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "BLOCK", 35)  # the pool in two parts
        for which, start in work._blocks(SMALL):
            work.make_people(here, folder / "small.json", "cold_pressor", which, start)
        at = work.read_scene(here, folder / "small.json", "cold_pressor")
    for multiple in (0, 2):
        work.make_meter(here, folder / "small.json", MAE, multiple)
    return here, folder / "small.json", at


def test_the_question_was_put_as_the_issue_wants_it():
    assert QUESTION["cohorts"] >= 400
    assert {cell.participants for cell in cells(QUESTION)} == {12, 25, 50}
    assert {cell.multiple for cell in cells(QUESTION)} == {0, 1, 2}
    claims = [claim_of(asked) for asked in QUESTION["claims"]]
    assert {asked["scenario"] for asked in QUESTION["claims"]} == {"cold_pressor", "dementia"}
    assert len(claims) == 4
    assert len(cells(QUESTION)) == 36
    assert QUESTION["people"]["pool_seed"] != QUESTION["people"]["reading_seed"]


def test_units_are_windows_of_the_streams():
    found = streams("cold_pressor", "vas", 5, [2, 3])
    root = 5 + STRIDE * COLD_PRESSOR.number
    (member,) = cast(COLD_PRESSOR, NATURAL, root, 2, 1)
    extent = COLD_PRESSOR.default.__class__(1, 2, 45.0, RATE)
    face, truth, later = [], [], []
    for number, take in enumerate(takes(COLD_PRESSOR, NATURAL, extent, member, root)):
        ratings = COLD_PRESSOR.events(take.recording, (), take.rng.spawn(2)[0]).dropna()
        aus, step = take.recording.course.aus, int(WINDOW * RATE)
        for start in range(0, len(aus) - step + 1, step):
            t0 = start / RATE
            shared = [
                (max(0.0, min(t0 + WINDOW, r.onset + r.duration) - max(t0, r.onset)), r.value)
                for r in ratings.itertuples()
            ]
            if seconds := sum(overlap for overlap, _ in shared):
                face.append(aus[start : start + step].mean(0))
                truth.append(sum(overlap * value for overlap, value in shared) / seconds)
                later.append(number > 0)
    own = found.person == 0
    np.testing.assert_allclose(found.face[own], face)
    np.testing.assert_allclose(found.truth[own], truth)
    assert found.later[own].tolist() == later


def test_people_are_chosen_whole(made):
    people = made[2].people
    some_people = chosen(people, np.array([7, 3]))
    np.testing.assert_array_equal(some_people.truth[some_people.person == 0], people.truth[people.person == 7])
    np.testing.assert_array_equal(some_people.face[some_people.person == 1], people.face[people.person == 3])
    again = joined([chosen(people, np.arange(5)), chosen(people, np.arange(5, people.person[-1] + 1))])
    for column, same in zip(again, people, strict=True):
        np.testing.assert_array_equal(column, same)


def test_a_meter_without_error_reads_what_is_there(made):
    people = made[2].people
    np.testing.assert_array_equal(measure(people, Meter(0, 0, 0, 0), np.random.default_rng(0)), people.face)


def test_a_meter_errs_as_it_says(made):
    people = made[2].people
    face = np.full_like(people.face, 0.5) * TOP  # in the middle, so that nothing is cut off
    rng = np.random.default_rng(0)
    people = people._replace(face=face)
    error = (measure(people, Meter(0, 0, 0, 0.4), rng) - face) / TOP * 5
    assert error.std() == pytest.approx(0.4, rel=0.02)
    error = (measure(people, Meter(0, 0.4, 0, 0), rng) - face) / TOP * 5
    assert np.ptp(error[people.person == 0], axis=0).max() < 1e-12
    assert error.std() == pytest.approx(0.4, rel=0.1)
    error = (measure(people, Meter(0, 0, 0.4, 0), rng) - face) / TOP * 5
    first = people.later[people.person == 0]
    assert np.ptp(error[people.person == 0][first], axis=0).max() < 1e-12
    assert np.ptp(error[people.person == 0], axis=0).min() > 0
    read = measure(people, Meter(0.1, 0, 0, 0), rng) / face
    assert np.log(read).std() == pytest.approx(0.1, rel=0.1)


def test_a_personal_system_knows_labels_of_the_first_recording_only(made):
    people = made[2].people
    given = labelled(people, 5)
    assert not (given & people.later).any()
    rng = np.random.default_rng(0)
    prediction = 5 + rng.normal(size=len(given))
    found = personal(prediction, people, given, 10.0)
    for person in range(people.person[-1] + 1):
        own = people.person == person
        error = (people.truth - prediction)[own & given]
        assert len(error) == 5
        np.testing.assert_allclose(found[own], np.clip(prediction[own] + error.sum() / 6, 0, 10))


def test_predictions_stay_on_the_scale():
    reading = Reading(np.full(19, 10.0), -50.0, 10.0)
    assert reading(np.array([[0.0] * 19, [5.0] * 19])).tolist() == [0.0, 10.0]


@pytest.mark.parametrize("number", [MAE, AUROC])
def test_the_fast_verdict_is_that_of_a_run(made, number):
    claim, at = claim_of(QUESTION["claims"][number]), made[2]
    said = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        pair = predictions(some(at, rng.choice(40, 12, replace=False)), Meter(0.3, 0.3, 0.3, seed / 4), rng)
        fast, plain = decide(claim, pair, at.threshold), decide_plainly(claim, pair, at.threshold)
        assert fast == pytest.approx(plain, abs=1e-12)
        said.add(fast["verdict"])
    assert len(said) > 1


def test_the_meter_is_set_to_the_true_difference(made):
    here, _, at = made
    for multiple in (0, 2):
        true = json.loads((here / f"meter-{MAE}-{multiple}.json").read_text())
        claim = claim_of(QUESTION["claims"][MAE])
        values = study.true_differences(claim, at, Meter(**SMALL["meter"])._replace(noise=true["noise"]), range(70, 80))
        assert values.mean() == pytest.approx(multiple * claim.delta, abs=0.08)
        assert true["difference"] == pytest.approx(values.mean(), abs=0.06)
        assert true["error"] == pytest.approx(values.std(ddof=1) / study.CHECKING**0.5, rel=0.6)


def cell(made, multiple, participants=12):
    here, file, _ = made
    work.make_cell(here, file, MAE, multiple, participants)
    wanted = Cell(MAE, multiple, participants)
    return {wanted: json.loads((here / f"{wanted.name}.json").read_text())}


def test_a_small_cell_of_each_kind(made):
    found = cell(made, 0) | cell(made, 2)
    none, twice = (row["verdicts"] for row in found.values())
    assert sum(none.values()) == sum(twice.values()) == 40
    assert none.get(SUPPORTED, 0) <= 2
    assert twice.get(NOT_SUPPORTED, 0) == 0
    assert twice[SUPPORTED] > 10
    assert all(row["held"] >= 34 for row in found.values())
    assert misses(SMALL, found) == []
    lines = markdown(SMALL, found)
    assert lines[0] == "### cold_pressor, mae (mean over participants), δ = 0.2"
    assert len([line for line in lines if line.startswith(("| 0 δ: ", "| 2 δ: "))]) == 2


def test_what_is_there_is_not_made_again(made, monkeypatch):
    here, file, _ = made
    cell(made, 0)
    before = {path.name: path.stat().st_mtime_ns for path in here.iterdir()}
    for name in ("streams", "set_meter", "simulate"):
        monkeypatch.setattr(work, name, None)
    work.make_people(here, file, "cold_pressor", "pool", 0)
    work.make_meter(here, file, MAE, 0)
    cell(made, 0)
    assert {path.name: path.stat().st_mtime_ns for path in here.iterdir()} == before
    assert work.place(here.parent, {**SMALL, "cohorts": 41}) != here


def test_intervals_that_are_too_narrow_are_noticed(made, monkeypatch):
    honest = study.bounded

    def narrow(found):
        row = honest(found)
        return {**row, **{end: row["value"] + (row[end] - row["value"]) / 4 for end in ("low", "high")}}

    at = made[2]
    claim = claim_of(QUESTION["claims"][MAE])
    true = json.loads((made[0] / f"meter-{MAE}-0.json").read_text())
    meter = Meter(**SMALL["meter"])._replace(noise=true["noise"])
    monkeypatch.setattr(study, "bounded", narrow)
    found = study.simulate(claim, at, meter, 12, 40, [3], true["difference"])
    (missed,) = misses(SMALL, {Cell(MAE, 0, 12): {**found, "cohorts": 40}})
    assert missed.startswith("cold_pressor mae, 0 δ, 12 participants: supported in")
    assert found["held"] < 30


@pytest.mark.parametrize(
    ("wanted", "verdicts", "says"),
    [
        (Cell(0, 0, 12), {SUPPORTED: 5, INCONCLUSIVE: 95}, None),
        (Cell(0, 0, 12), {SUPPORTED: 6, INCONCLUSIVE: 94}, "supported in 0.060, more than 0.05"),
        (Cell(0, 1, 50), {SUPPORTED: 40, NOT_SUPPORTED: 60}, None),
        (Cell(3, 2, 12), {SUPPORTED: 10, NOT_SUPPORTED: 6, INCONCLUSIVE: 84}, "not supported in 0.060, more than 0.05"),
        (Cell(3, 2, 25), {SUPPORTED: 10, INCONCLUSIVE: 90}, None),
        (Cell(3, 2, 50), {SUPPORTED: 89, INCONCLUSIVE: 11}, "dementia auroc, 2 δ, 50 participants: supported in 0.890"),
        (Cell(3, 2, 50), {INCONCLUSIVE: 100}, "supported in 0.000, fewer than 0.9"),
    ],
)
def test_marks(wanted, verdicts, says):
    found = misses(QUESTION, {wanted: {"verdicts": verdicts, "cohorts": 100}})
    assert len(found) == (says is not None)
    assert says is None or says in found[0]


@pytest.mark.parametrize(("count", "of", "ends"), [(0, 20, (0.0, 0.1684)), (10, 100, (0.0490, 0.1762))])
def test_intervals_of_shares_are_those_of_the_tables(count, of, ends):
    """Clopper & Pearson's, to four places."""
    assert interval(count, of) == pytest.approx(ends, abs=6e-5)
