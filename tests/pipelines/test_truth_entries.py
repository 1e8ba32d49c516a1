"""The entries that say more of the truth: their layout, their numbers, and everything that can be undefined."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss

from personalize.config import AdaptationConfig, LowestPredicted, PersonalizeConfig
from personalize.evaluation.rows import check_interval
from personalize.protocols.cells import predict_all
from personalize.protocols.config import KShotConfig
from personalize.protocols.plan import Plan
from personalize.protocols.problem import external_problem
from pipelines.personalization.inputs import Inputs
from pipelines.personalization.results import About
from pipelines.personalization.truth import truth_entries
from tests.personalize.protocols.cell_worlds import table_world

ENTRIES = ("calibration", "reliability", "decision", "alarms", "prevalence", "missed")
NONE, RIDGE, REFERENCE = AdaptationConfig("none"), AdaptationConfig("ridge", 3), AdaptationConfig("reference")


def cohort_of(problem) -> pd.DataFrame:
    names = np.unique(problem.rows.participant)
    people = len(names)
    return pd.DataFrame(
        {
            "participant": names,
            "sex": np.tile(["F", "M"], people)[:people],
            "age": [str(30 + 5 * i) for i in range(people)],
            "group": ["alone"] + ["patient"] * (people - 1),
            "site": "one",
        }
    )


def found(problem, *cells, joined="seconds", cohort=None, change=None, **options):
    options.setdefault("protocol", KShotConfig(people="group_kfold", n_splits=3))
    config = PersonalizeConfig(adaptations=cells, **options)
    plan = Plan(problem, config, cells)
    predictions = predict_all(plan).assign(system="made", protocol=plan.name())
    predictions = predictions if change is None else change(predictions)
    people = cohort_of(problem) if cohort is None else cohort
    inputs = Inputs(problem, "vas", "c", "c", "made", {}, {}, {}, people, {"joined": joined})
    kind = problem.metric_kind()
    threshold = None if problem.kind.name == "class" else config.threshold
    about = About("c", "c", plan.name(), False, "vas", kind, threshold, [0], {}, 2000, 0)
    entries = truth_entries(predictions, plan, inputs, about)
    json.dumps(entries, allow_nan=False)
    check(entries)
    return entries, predictions


def check(entries) -> None:
    """Every number has its interval or a reason."""
    for name in ENTRIES:
        for row in entries[name]:
            check_interval(row, row["value"], f"{name}: {row}")
            assert {"system", "adaptation", "k", "n_participants", "n_units"} <= set(row)
    check_interval(entries["event"], entries["event"]["value"], "event")
    for row in entries["subgroups"]["rows"]:
        for part in (row, row["difference"]):
            check_interval(part, part["value"], f"subgroups: {row}")
            assert part["value"] is None or part["n_participants"] >= 3
    for row in entries["subgroups"]["columns"]:
        assert (row["reason"] is None) == (len(row["levels"]) > 1)
    for row in entries["sample_size"]:
        assert row["reason"] if row["width"] is None else row["low"] < row["high"]


@pytest.fixture(scope="module")
def numeric():
    return found(table_world(people=12, units=20), NONE, REFERENCE, RIDGE, threshold=0.5)


def rows_of(entries, name, **wanted):
    return [row for row in entries[name] if all(row[key] == value for key, value in wanted.items())]


def test_calibration_follows_from_the_columns_of_the_predictions(numeric):
    entries, predictions = numeric
    assert entries["schema"] == "wince-results/2"
    own = predictions[predictions["adaptation"] == "ridge"]
    event = own["truth"] >= 0.5
    for column in ("event_probability", "event_recalibrated"):
        (row,) = rows_of(entries, "calibration", adaptation="ridge", probability=column, metric="brier")
        assert row["value"] == pytest.approx(brier_score_loss(event, own[column]))
        assert (row["n_participants"], row["n_units"], row["k"]) == (12, len(own), 3)
    assert len(entries["calibration"]) == 3 * 2 * 5
    assert entries["event"]["name"] == "vas >= 0.5"
    assert entries["event"]["events"] == event.sum()
    assert entries["event"]["value"] == pytest.approx(event.mean())


def test_curves_have_their_points(numeric):
    entries, _ = numeric
    assert {row["bin"] for row in rows_of(entries, "reliability", adaptation="none")} == set(range(10))
    strategies = [row["strategy"] for row in entries["decision"]]
    assert {s: strategies.count(s) for s in set(strategies)} == {
        "model": 19 * 6, "model_minus_treat_all": 19 * 6, "treat_all": 19, "treat_none": 19,
    }  # fmt: skip
    assert {row["adaptation"] for row in rows_of(entries, "decision", strategy="treat_all")} == {None}
    assert {row["value"] for row in rows_of(entries, "decision", strategy="treat_none")} == {0.0}


def test_alarms_are_of_test_units_in_time(numeric):
    entries, predictions = numeric
    row = rows_of(entries, "alarms", adaptation="none", metric="alarms_per_hour")[0]
    own = predictions[predictions["adaptation"] == "none"].sort_values(["recording", "onset"])
    assert row["hours"] == pytest.approx(own["seconds"].sum() / 3600)
    called = own["event_probability"] >= own["event_cut"]
    starts = called & ~(called.shift(fill_value=False) & (own["recording"] == own["recording"].shift()))
    assert row["alarms"] == starts.sum()  # the units of this world have no gaps


def test_subgroups_take_columns_of_the_cohort_and_what_faces_do(numeric):
    entries, _ = numeric
    columns = {row["column"]: row for row in entries["subgroups"]["columns"]}
    assert {row["level"] for row in columns["age"]["levels"]} == {"<40", "40-59", "60-79", "80+"}
    assert columns["site"]["reason"] == "everybody is alike"
    assert "under `none`" in columns["expressiveness"]["definition"]
    assert [row["n_participants"] for row in columns["expressiveness"]["levels"]] == [4, 4, 4]
    assert "how much of the face" in columns["occlusion"]["reason"]
    rows = entries["subgroups"]["rows"]
    alone = [row for row in rows if row["level"] == "alone"]
    assert {row["value"] for row in alone} == {None}
    assert {row["warning"] for row in alone} == {"fewer than 10 people"}
    women, men = (
        next(r for r in rows if (r["level"], r["adaptation"], r["metric"]) == (level, "none", "mae")) for level in "FM"
    )
    assert women["difference"]["value"] == pytest.approx(women["value"] - men["value"])
    assert {row["metric"] for row in rows} >= {"mae", "auroc", "brier", "calibration_intercept"}


def test_everybody_has_a_row_and_the_worst_are_named(numeric):
    entries, predictions = numeric
    people = entries["participants"]
    assert [row["adaptation"] for row in people["adaptations"]] == ["none", "reference", "ridge"]
    own = predictions[predictions["adaptation"] == "ridge"]
    error = (own["truth"] - own["prediction"]).abs().groupby(own["participant"]).mean()
    assert [row["error"][2] for row in people["rows"]] == pytest.approx(error.tolist())
    assert [row["labels"] for row in people["rows"]] == [[0.0, 0.0, 3.0]] * 12
    assert {row["neutral_seconds"] for row in people["rows"]} == {2.0}
    assert [row["participant"] for row in people["rows"]] == error.index.tolist()
    assert people["worst"][2]["participants"] == error.sort_values(ascending=False).index[:10].tolist()
    assert sum(row["events"] for row in people["rows"]) == entries["event"]["events"]


def test_missed_pain_is_high_in_the_units_of_the_scale(numeric):
    entries, predictions = numeric
    (row,) = rows_of(entries, "missed", adaptation="none")
    own = predictions[predictions["adaptation"] == "none"]
    high = own["truth"] >= row["from"]
    assert (row["n_units"], row["below"]) == (high.sum(), 0.5)
    assert row["missed"] == int((high & (own["prediction"] < 0.5)).to_numpy().sum())
    assert "upper third" in row["definition"]


def test_sample_size_has_differences_to_none_only(numeric):
    entries, _ = numeric
    rows = rows_of(entries, "sample_size", metric="mae", people=50)
    assert [(row["adaptation"], row["what"]) for row in rows] == [
        ("none", "value"), ("reference", "value"), ("reference", "difference"),
        ("ridge", "value"), ("ridge", "difference"),
    ]  # fmt: skip
    assert [row["detectable"] is not None for row in rows] == [False, False, True, False, True]


def test_two_classes_without_time_in_draws():
    problem = table_world(people=6, units=8, classes=2, ordered=False)
    entries, predictions = found(problem, NONE, AdaptationConfig("participant_prior", 2), joined="none")
    assert len(np.unique(predictions["seed"])) == 20
    assert entries["event"]["name"] == "vas is b"
    assert {row["reason"] for row in entries["alarms"]} == {"the tables have no time"}
    assert all(row["value"] is not None for row in rows_of(entries, "prevalence", metric="sensitivity"))
    assert "second class" in entries["missed"][0]["definition"]
    assert entries["participants"]["metric"] == "error_rate"
    assert entries["participants"]["neutral_reason"] == "no adaptation uses a neutral moment"


@pytest.mark.parametrize(
    ("problem", "options", "reason"),
    [
        (table_world(classes=3), {}, "no event among 3 classes"),
        (table_world(), {"threshold": None}, "no threshold in the config"),
    ],
)
def test_without_an_event_every_entry_says_why(problem, options, reason):
    entries, _ = found(problem, NONE, AdaptationConfig("participant_prior", 2), **options)
    for name in ENTRIES:
        assert entries[name]
        assert {row["reason"] for row in entries[name]} == {reason}, name
        assert {row["value"] for row in entries[name]} == {None}
    assert entries["event"]["reason"] == reason
    assert all(row["events"] is None for row in entries["participants"]["rows"])


def test_a_threshold_above_everything_leaves_one_class():
    entries, _ = found(table_world(), NONE, threshold=99.0)
    slope = rows_of(entries, "calibration", metric="calibration_slope", probability="event_probability")[0]
    assert "of one class" in slope["reason"]
    after = rows_of(entries, "calibration", probability="event_recalibrated")
    assert all("all or none" in row["reason"] for row in after)
    assert {row["reason"] for row in entries["missed"]} == {"no rating lies above the threshold"}
    assert entries["event"]["value"] == 0.0
    metrics = {row["metric"]: row for row in entries["subgroups"]["rows"] if row["level"] == "F"}
    assert metrics["auroc"]["value"] is None
    assert "of one class" in metrics["auroc"]["reason"]


def test_without_a_standard_error_there_is_no_probability():
    lost = lambda table: table.assign(se=np.nan, event_probability=np.nan, event_recalibrated=np.nan)  # noqa: E731
    entries, _ = found(table_world(people=9, units=20), NONE, threshold=0.5, change=lost)
    for name in ("calibration", "reliability", "decision", "alarms", "prevalence"):
        assert all("no standard error" in row["reason"] for row in entries[name]), name
    assert all(row["value"] is not None for row in entries["missed"])


def test_people_of_whom_nothing_is_known_make_no_groups():
    problem = table_world()
    bare = pd.DataFrame({"participant": np.unique(problem.rows.participant)})
    entries, _ = found(problem, NONE, threshold=0.5, cohort=bare, joined="order")
    assert entries["subgroups"]["rows"] == []
    assert {row["column"]: row["reason"] for row in entries["subgroups"]["columns"]}["expressiveness"] == (
        "fewer than 9 people have it"
    )
    assert {row["reason"] for row in entries["alarms"]} == {"the tables have no time"}


def test_a_neutral_moment_that_a_model_chooses_has_no_length():
    entries, _ = found(table_world(), NONE, REFERENCE, threshold=0.5, neutral=LowestPredicted(count=2))
    assert "each fold's model" in entries["participants"]["neutral_reason"]


def test_people_of_another_cohort_are_known_by_their_own_names():
    train, test = table_world(people=8), table_world(people=9, seed=1)
    problem = external_problem(train, test, ("here", "there"))
    entries, _ = found(problem, NONE, threshold=0.5, cohort=cohort_of(test))
    columns = {row["column"]: row for row in entries["subgroups"]["columns"]}
    assert [row["n_participants"] for row in columns["sex"]["levels"]] == [5, 4]
    assert columns["sex"]["missing"] == 0


def test_features_that_say_how_much_is_seen_make_groups():
    problem = table_world(people=9, units=12)
    problem = replace(problem, columns=("x0", "confidence", "x2"))
    entries, _ = found(problem, NONE, threshold=0.5)
    columns = {row["column"]: row for row in entries["subgroups"]["columns"]}
    assert [row["n_participants"] for row in columns["occlusion"]["levels"]] == [3, 3, 3]
