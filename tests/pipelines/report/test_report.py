"""The report refuses what may not be shown, and its words follow the intervals."""

import json

import pandas as pd
import pytest

from pipelines.report.gather import flow, partition
from pipelines.report.page import headline, write_report
from pipelines.report.read import read_personal
from pipelines.report.summary import further_comparisons, pairs, sentence, table, verdict
from pretrain.errors import RunFailure, UserError
from tests.pipelines.report.report_runs import changed, numbers_run


@pytest.fixture(scope="module")
def runs():
    """Two finished runs on the same people: features that know much, and features that know little."""
    return [numbers_run("good"), numbers_run("poor", blur=6.0)]


def named(runs):
    return [(name, read_personal(run).results) for name, run in zip(("good", "poor"), runs, strict=True)]


def test_first_run_is_compared_with_the_others(runs):
    rows, notes = further_comparisons([read_personal(run) for run in runs])
    assert not notes
    against = {(pair["a"], pair["b"]): pair for pair in pairs(rows, named(runs))}
    pair = against["good: population model", "poor: population model"]
    assert verdict(pair["by_metric"]["mae"]) == verdict(pair["by_metric"]["ccc"]) == "better"
    assert "is better than" in sentence(pair)
    assert ("good: neutral reference + personalised, k = 3", "own labels only, no face, k = 3") in against


def test_row_that_looks_at_no_features_stands_once(runs):
    lines = table(named(runs))
    assert [line["label"] for line in lines].count("own labels only, no face, k = 3") == 1
    assert sum("ORACLE" in line["marks"] for line in lines) == 2
    results = named(runs)[0][1]
    rows = {(r["adaptation"], r["k"], r["metric"], r["pooling"]): r["value"] for r in results["metrics"]}
    for line in (line for line in lines if line["label"].startswith("good")):
        for part in ("primary", "other"):
            for metric, row in line[part].items():
                assert row["value"] == rows[*line["key"][1:], metric, row["pooling"]]
        assert {row["pooling"] for row in line["primary"].values()} <= {"mean_over_participants", "pooled"}


def test_headline_has_an_interval_in_every_cell(runs):
    text = headline(runs)
    rows = [line for line in text.splitlines() if line.startswith(("good:", "poor:")) and "[" in line]
    assert len(rows) >= 10
    assert all(row.count("[") + row.count("undefined") == 4 for row in rows)


@pytest.mark.parametrize("change", [{"low": None}, {"interval": None}, {"low": 9.0, "high": -9.0}, {"value": None}])
def test_seeded_row_without_its_interval_is_refused(runs, tmp_path, change):
    def broken(results):
        next(r for r in results["metrics"] if r["reason"] is None).update(change)
        return results

    with pytest.raises(RunFailure, match=r"interval|null"):
        read_personal(changed(runs[0], tmp_path / "broken", broken))


def test_two_runs_of_one_name_are_refused(runs):
    with pytest.raises(UserError, match="name the feature files apart"):
        headline([runs[0], runs[0]])


@pytest.mark.parametrize(
    ("low", "high", "metric", "word"),
    [
        (-1.0, -0.1, "mae", "better"),
        (0.1, 1.0, "mae", "worse"),
        (0.1, 1.0, "ccc", "better"),
        (-1.0, -0.1, "ccc", "worse"),
        (-0.1, 0.1, "mae", "not shown"),
        (0.0, 0.1, "ccc", "not shown"),
    ],
)
def test_verdict_follows_the_interval(low, high, metric, word):
    assert verdict({"metric": metric, "difference": (low + high) / 2, "low": low, "high": high}) == word


def test_folder_that_is_no_run_or_half_done_is_refused(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="not a finished run"):
        write_report([tmp_path / "empty"], tmp_path / "report.html")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "empty" / "predictions.parquet")
    with pytest.raises(UserError, match="not a finished run"):
        read_personal(tmp_path / "empty")
    half = changed(runs[0], tmp_path / "half", lambda results: results)
    (half / "results.json").unlink()
    with pytest.raises(UserError, match=r"half is not a finished run: it has no results.json yet"):
        write_report([runs[0], half], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
    with pytest.raises(UserError, match="report is a page"):
        write_report([runs[0]], tmp_path / "report.json")


def test_person_on_both_sides_of_a_fold_is_counted(runs):
    proof = read_personal(runs[0]).results["proof"]
    assert partition(proof)["in_both"] == 0
    assert (partition(proof)["folds"], partition(proof)["fewest_trained_on"]) == (8, 7)
    seeded = json.loads(json.dumps(proof))
    seeded[2]["train"].append(seeded[2]["test"][0])
    assert partition(seeded)["in_both"] == 1


def test_flow_has_the_counts_of_the_run(runs):
    counts = read_personal(runs[0]).results["counts"]
    steps = {box["step"]: {row["what"]: row["count"] for row in box["counts"]} for box in flow(counts)}
    assert steps["cohort"] == {"people": 8, "recordings": 16}
    assert steps["tested"] == {"people": counts["participants_tested"], "test units": counts["test_units"]}
