"""The report refuses what may not be shown, and its words follow the intervals."""

import json

import numpy as np
import pandas as pd
import pytest

from personalize.config import PersonalizeConfig
from pipelines.personalization import personalize
from pipelines.report.page import headline, write_report
from pipelines.report.summary import Comparison, comparisons, read_personal, sentence, table
from pretrain.errors import RunFailure, UserError
from tests.personalize.cohorts.cohort_worlds import linear_world


def finished_run(folder, name, blur, seed=0):
    """A personalize run on a linear world whose features are blurred by noise."""
    folder.mkdir()
    cohort, file = linear_world(folder, people=10, differ=0.2, seed=seed)
    features = pd.read_parquet(file)
    columns = [c for c in features if c.startswith("f") and c[1:].isdecimal()]
    features[columns] += blur * np.random.default_rng(1).normal(size=features[columns].shape)
    features.to_parquet(folder / f"{name}.parquet")
    personalize(PersonalizeConfig(), cohort=cohort, features=folder / f"{name}.parquet", out=folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two finished runs on the same people: features that know much, and features that know little."""
    folder = tmp_path_factory.mktemp("runs")
    return [finished_run(folder / name, name, blur) for name, blur in (("good", 0.0), ("poor", 6.0))]


def test_page_stands_alone(runs, tmp_path):
    assert write_report(runs, tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "good: neutral reference + personalised" in page
    assert (tmp_path / "report_figures" / "per_person.png").read_bytes()[:4] == b"\x89PNG"


def test_first_run_is_compared_with_the_others(runs):
    found, notes = comparisons([read_personal(r) for r in runs])
    assert not notes
    against = {(c.a, c.b): c for c in found}
    c = against["good: population model", "poor: population model"]
    assert c.verdict("mae") == c.verdict("ccc") == "better"
    assert "is better than" in sentence(c)


def test_row_that_looks_at_no_features_stands_once(runs):
    rows = table([read_personal(r) for r in runs])
    assert sum("own labels only" in name for name in rows) == 1
    assert sum(name.endswith("ORACLE") for name in rows) == 2
    assert len(rows) == 2 * (4 + 2) + 1 + 4


def test_headline_has_an_interval_in_every_cell(runs):
    text = headline(runs)
    rows = [line for line in text.splitlines() if line.startswith(("good:", "poor:")) and "[" in line]
    assert len(rows) >= 14
    assert all(row.count("[") + row.count("undefined") == 4 for row in rows)


@pytest.mark.parametrize("change", [{"low": None}, {"interval": None}, {"low": 9.0, "high": -9.0}, {"value": None}])
def test_seeded_row_without_its_interval_is_refused(runs, tmp_path, change):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("config.json", "predictions.parquet"):
        (broken / name).write_bytes((runs[0] / name).read_bytes())
    results = json.loads((runs[0] / "results.json").read_text())
    next(r for r in results["metrics"] if r["reason"] is None).update(change)
    (broken / "results.json").write_text(json.dumps(results))
    with pytest.raises(RunFailure, match=r"interval|null"):
        read_personal(broken)


def test_runs_on_other_units_are_noted_and_not_compared(runs, tmp_path):
    other = finished_run(tmp_path / "other", "other", blur=0.0, seed=5)
    found, notes = comparisons([read_personal(runs[0]), read_personal(other)])
    assert not any("other" in c.b for c in found)
    assert any("not the same" in n or "different ratings" in n for n in notes)


def test_two_runs_of_one_name_are_refused(runs):
    with pytest.raises(UserError, match="name the feature files apart"):
        headline([runs[0], runs[0]])


@pytest.mark.parametrize(
    ("low", "high", "metric", "verdict"),
    [
        (-1, -0.1, "mae", "better"),
        (0.1, 1, "mae", "worse"),
        (0.1, 1, "ccc", "better"),
        (-1, -0.1, "ccc", "worse"),
        (-0.1, 0.1, "mae", "not shown"),
    ],
)
def test_verdict_follows_the_interval(low, high, metric, verdict):
    row = {"difference": (low + high) / 2, "low": low, "high": high}
    assert Comparison("a", "b", {metric: row}).verdict(metric) == verdict


def test_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="not a finished run"):
        write_report([tmp_path / "empty"], tmp_path / "report.html")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "empty" / "predictions.parquet")
    with pytest.raises(UserError, match="not a finished run"):
        read_personal(tmp_path / "empty")
