"""What the figures show is what the predictions and the results say."""

import json

import numpy as np
import pytest

from personalize.evaluation.predictive import within
from pipelines.report import figures
from pipelines.report.figures import confusion, course, differences, events, labels, ladder, people, steps
from pipelines.report.figures.view import view_of
from pipelines.report.read import read_personal
from pipelines.report.words import key_of
from tests.pipelines.report.report_runs import numbers_run


@pytest.fixture(scope="module")
def view():
    """A run on numbers, whose most adapted system is the neutral reference with three labels."""
    return view_of("good", read_personal(numbers_run("good")))


def test_most_adapted_is_the_one_with_most_steps_and_labels(view):
    assert view.adapted == ("good", "reference+ridge", 3)
    assert view.population == ("good", "none", 0)


def test_area_under_the_curve_is_the_auroc_of_the_results(view):
    curves = events.entry(view)["data"]["curves"]
    for curve, key in zip(curves, (view.population, view.adapted), strict=True):
        area = np.trapezoid(curve["true"], curve["false"])
        assert area == pytest.approx(view.row(key, "auroc", "pooled")["value"])
        assert curve["auroc"]["value"] == view.row(key, "auroc", "pooled")["value"]


def test_matrix_is_a_naive_count_at_the_cut_of_the_fold(view):
    for panel, key in zip(confusion.entry(view)["data"]["panels"], (view.population, view.adapted), strict=True):
        naive = [[0, 0], [0, 0]]
        for row in view.parts[key].to_dict("records"):
            naive[row["truth"] >= 4.0][row["event_probability"] >= row["event_cut"]] += 1
        assert panel["counts"] == naive
    sides = {(key_of(r), r["metric"]): r["value"] for r in view.results["prevalence"] if r["prevalence"] is None}
    assert naive[1][1] / sum(naive[1]) == pytest.approx(sides[view.adapted, "sensitivity"])


def test_people_have_their_own_errors_the_largest_gain_first(view):
    rows = people.entry(view)["data"]["people"]
    table = view.parts[view.adapted]
    naive = (table["truth"] - table["prediction"]).abs().groupby(table["participant"]).mean()
    assert {row["participant"]: row["after"] for row in rows} == pytest.approx(naive.to_dict())
    gains = [row["before"] - row["after"] for row in rows]
    assert gains == sorted(gains, reverse=True)


def test_curve_over_k_has_the_rows_of_the_results(view):
    curves = {c["name"]: c["points"] for c in labels.entry(view)["data"]["curves"]}
    own = curves["neutral reference + personalised"]
    rows = [view.row(("good", "reference+ridge", k), "mae", "mean_over_participants") for k in (1, 3)]
    assert [(p["k"], p["value"], p["low"]) for p in own] == [(r["k"], r["value"], r["low"]) for r in rows]


def test_person_over_time_is_the_median_one_and_the_bands_are_counted(view):
    entry = course.entry(view)
    table = view.parts[view.adapted]
    error = (table["truth"] - table["prediction"]).abs().groupby(table["participant"]).mean().sort_values()
    person = error.index[3]  # the lower of the two middle ones of eight
    assert entry["caption"].startswith(f"{person}, the person of median error among 8")
    own = table[table["participant"] == person].sort_values("onset")
    assert entry["data"]["truth"] == own["truth"].tolist()
    held = within(own, 0.95).sum()
    assert f"{held} in the 95 % band" in entry["caption"]


def test_people_whose_names_are_formulas_are_drawn():
    names = ["$x_{", "<b>", "a\\b"]
    data = {"what": "error", "labels": ["$a", "b$"], "mean": [0.5, 0.4],
            "people": [{"participant": name, "before": 0.5, "after": 0.4} for name in names]}  # fmt: skip
    assert people.draw(data)[:4] == b"\x89PNG"


def test_undefined_differences_and_runs_without_a_ladder_have_no_figure(view):
    row = {"difference": None, "low": None, "high": None, "metric": "mae"}
    assert differences.entry([{"a": "a", "b": "b", "by_metric": {"mae": row}}], "mae") is None
    assert ladder.entry("good", view.results) is None
    assert steps.checkpoints(view.results) is None


def test_pretraining_that_has_hardly_begun_is_drawn():
    entry = steps.training("encoder", [{"step": 0, "loss": 1.5}, {"step": 1, "loss": None}])
    assert "loss 1.5 to 1.5" in entry["alt"]
    assert figures.draw({"kind": "training", **json.loads(json.dumps(entry))})[:4] == b"\x89PNG"
    assert steps.training("encoder", [])["alt"].startswith("Curves of a pretraining run to step 0")


def test_rungs_and_checkpoints_are_drawn():
    about = {"metric": "mae", "low": 0.5, "high": 1.5}
    rows = [{"rung": r, "labelled": n, "value": 1.0, **about} for r, n in (("none", 0), ("refit", 2), ("refit", 5))]
    results = {"target": {"metrics": "numeric"}, "population": rows}
    assert figures.draw({"kind": "ladder", **ladder.entry("a", results)})[:4] == b"\x89PNG"
    points = [{"adaptation": "none", "k": 0, "step": s, "value": v, **about} for s, v in ((0, 1.0), (10, None))]
    entry = steps.checkpoints({"target": {"metrics": "numeric"}, "checkpoints": points, "chosen": {"step": 0}})
    assert [len(curve["points"]) for curve in entry["data"]["curves"]] == [1]
    assert figures.draw({"kind": "checkpoints", **entry})[:4] == b"\x89PNG"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b", "<script>", "...", ""])
def test_file_names_lead_nowhere(name):
    file = figures.file_name(name)
    assert file
    assert not set(file) & set("/\\<> ")
    assert not file.startswith(".")


def test_same_predictions_give_the_same_picture(view):
    data = people.entry(view)["data"]
    assert people.draw(data) == people.draw(data)
