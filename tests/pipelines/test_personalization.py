"""`wince personalize` from files to files."""

import json
import shutil
import stat

import numpy as np
import pandas as pd
import pytest

import pipelines.personalization as pipeline
from personalize.config import AdaptationConfig, PersonalizeConfig
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import metrics_of
from personalize.evaluation.rows import RowError, check_rows
from personalize.protocols.leakage import LeakError
from pipelines.configuration import read_config
from pipelines.personalization import personalize
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return linear_world(tmp_path_factory.mktemp("world"), people=6, units=10, width=8, light=0.5)


@pytest.fixture(scope="module")
def run(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=out) == 0
    return out


def test_run_folder(run):
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert sorted(file.name for file in run.iterdir()) == [
        *("config.json", "environment.json", "predictions.parquet", "results.json")
    ]
    config = json.loads((run / "config.json").read_text())
    assert (config["config"]["target"], config["config"]["draws"]) == ("vas", 2000)
    assert (config["inputs"]["system"], config["inputs"]["cohort"]) == ("encoder", "linear world")
    assert read_config(run / "config.json", PersonalizeConfig) == PersonalizeConfig()


def test_every_number_has_its_interval(run):
    results = json.loads((run / "results.json").read_text())
    check_rows(results["metrics"])
    assert len(results["metrics"]) == 5 * len(metrics_of("numeric")) * 2
    assert len(results["comparisons"]) == (4 + 1) * 5 * 2
    for row in results["comparisons"]:
        assert row["reason"] if row["difference"] is None else row["low"] <= row["difference"] <= row["high"]
    assert results["counts"]["units"] == 120
    assert results["counts"]["test_units"] == 60


def test_predictions_have_a_row_per_unit_and_system(run):
    table = pd.read_parquet(run / "predictions.parquet")
    wanted = {"participant", "recording", "onset", "truth", "prediction", "fold", "protocol", "system", "k"}
    assert wanted <= set(table.columns)
    assert len(table) == 5 * 60
    assert np.isfinite(table["prediction"]).all()


def test_results_follow_from_the_predictions(run):
    table = pd.read_parquet(run / "predictions.parquet")
    results = json.loads((run / "results.json").read_text())
    part = table[table["adaptation"] == "ridge"]
    error = (part["truth"] - part["prediction"]).abs().groupby(part["participant"]).mean().mean()
    row = next(
        r
        for r in results["metrics"]
        if (r["adaptation"], r["metric"], r["pooling"]) == ("ridge", "mae", "mean_over_participants")
    )
    assert row["value"] == pytest.approx(error)


def test_the_same_command_again_changes_nothing(world, run, capsys):
    before = {file.name: file.stat().st_mtime_ns for file in run.iterdir()}
    assert personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=run) == 0
    assert {file.name: file.stat().st_mtime_ns for file in run.iterdir()} == before
    printed = capsys.readouterr().out
    assert "done already" in printed
    assert "reference+ridge k=5 - reference k=0" in printed
    assert "fewer than 20 participants" in printed


def test_another_config_or_other_features_are_refused(world, run, tmp_path):
    with pytest.raises(UserError, match=r"reference_seconds is 2\.0 there and 1\.0 here"):
        personalize(PersonalizeConfig(reference_seconds=1.0), cohort=world[0], features=world[1], out=run)
    other = tmp_path / "encoder.parquet"
    pd.read_parquet(world[1]).assign(f0=0.0).to_parquet(other)
    with pytest.raises(UserError, match="features is '"):
        personalize(PersonalizeConfig(), cohort=world[0], features=other, out=run)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="neither empty nor a finished run"):
        personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=tmp_path)


def test_same_seed_same_result_and_truth_is_not_needed(world, run, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(world[0], cohort)
    truth = cohort / "derivatives" / "truth"
    truth.mkdir(parents=True)
    (truth / "sub-01_ses-01_events.tsv").write_text("onset\n0\n")
    outs = []
    for name in ("with", "without"):
        outs.append(tmp_path / name)
        personalize(PersonalizeConfig(), cohort=cohort, features=world[1], out=outs[-1])
        shutil.rmtree(truth, ignore_errors=True)
    for out in outs:
        pd.testing.assert_frame_equal(
            pd.read_parquet(out / "predictions.parquet"), pd.read_parquet(run / "predictions.parquet")
        )
        assert (out / "results.json").read_text() == (run / "results.json").read_text()


@pytest.mark.parametrize("failing", ["comparison_rows", "write_json", "check_rows"])
def test_an_interrupted_run_leaves_nothing(world, tmp_path, monkeypatch, failing):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, failing, fail)
    with pytest.raises(KeyboardInterrupt):
        personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_interval_never_reaches_the_disk(world, tmp_path, monkeypatch):
    honest = pipeline.metric_rows
    monkeypatch.setattr(pipeline, "metric_rows", lambda *a, **k: [{**row, "low": None} for row in honest(*a, **k)])
    with pytest.raises(RowError, match="without its interval"):
        personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_person_split_by_case_is_caught_behind_the_reader(world, tmp_path, monkeypatch):
    honest = pipeline.read_cohort

    def careless(path):
        cohort = honest(path)
        for table in (cohort.recordings, cohort.ratings):
            table.loc[table["recording"] == "sub-01_ses-02", "participant"] = "SUB-01"
        return cohort

    monkeypatch.setattr(pipeline, "read_cohort", careless)
    with pytest.raises(LeakError, match="SUB-01"):
        personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=tmp_path / "run")


def test_mistakes_are_one_line_and_write_nothing(world, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(UserError, match="did you mean 'vas'"):
        personalize(PersonalizeConfig(target="vaz"), cohort=world[0], features=world[1], out=out)
    with pytest.raises(UserError, match="no features at"):
        personalize(PersonalizeConfig(), cohort=world[0], features=tmp_path / "f.parquet", out=out)
    with pytest.raises(UserError, match=r"no \*_features.tsv"):
        personalize(PersonalizeConfig(), cohort=world[0], features=None, out=out)
    assert not out.exists()


def test_config_mistakes_are_refused():
    with pytest.raises(UserError, match="did you mean 'ridge'"):
        AdaptationConfig("rigde")
    with pytest.raises(UserError, match="'none' uses no labels: its k must be 0, not 5"):
        AdaptationConfig("none", k=5)
    for wrong in ({"draws": 100}, {"pool_share": 1.0}, {"seeds": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PersonalizeConfig(**wrong)


def test_runs_on_the_same_units_compare(world, run, tmp_path):
    worse = tmp_path / "untrained.parquet"
    table = pd.read_parquet(world[1])
    noise = np.random.default_rng(0).normal(size=(len(table), 8))
    table[[f"f{i}" for i in range(8)]] = noise
    table.to_parquet(worse)
    personalize(PersonalizeConfig(), cohort=world[0], features=worse, out=tmp_path / "run")
    a, b = (
        pd.read_parquet(out / "predictions.parquet").query("adaptation == 'reference'")
        for out in (run, tmp_path / "run")
    )
    assert set(b["system"]) == {"untrained"}
    found = paired_difference(a, b, "pcc", threshold=4.0)
    assert found["low"] > 0
