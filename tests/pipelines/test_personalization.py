"""`wince personalize` from files to files."""

import json
import shutil
import stat

import numpy as np
import pandas as pd
import pytest

from personalize.config import AdaptationConfig, FirstSeconds, PersonalizeConfig
from personalize.evaluation.baselines import BASELINES
from personalize.evaluation.comparison import paired_difference
from personalize.evaluation.metrics import metrics_of
from personalize.evaluation.rows import check_rows
from personalize.protocols.config import KShotConfig, LosoConfig, RandomFrameConfig
from pipelines.configuration import read_config
from pipelines.embedding import ENCODER_KEY
from pipelines.personalization import command, folds, inputs, personalize
from pretrain.errors import RunFailure, UserError
from tests.personalize.cohorts.cohort_worlds import linear_world
from tests.support.few_numbers import leave_out

NO_PSPI = [name for name in BASELINES if name != "pspi"]


@pytest.fixture
def few_numbers(monkeypatch):
    """For tests that look at none of them, or only at predictions."""
    leave_out(monkeypatch.setattr)


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
        *("config.json", "environment.json", "parameters.parquet", "people", "predictions.parquet", "results.json")
    ]
    config = json.loads((run / "config.json").read_text())
    assert (config["config"]["target"], config["config"]["draws"]) == ("vas", 2000)
    assert (config["inputs"]["system"], config["inputs"]["cohort"]) == ("encoder", "linear world")
    assert read_config(run / "config.json", PersonalizeConfig) == PersonalizeConfig()


def test_every_number_has_its_interval(run):
    results = json.loads((run / "results.json").read_text())
    check_rows(results["metrics"])
    assert len(results["metrics"]) == (5 + len(NO_PSPI)) * len(metrics_of("numeric")) * 2
    assert len(results["comparisons"]) == (4 + 1) * 5 * 2
    for row in results["comparisons"]:
        assert row["reason"] if row["difference"] is None else row["low"] <= row["difference"] <= row["high"]
    for row in results["coverage"] + results["harmed"]:
        assert row["reason"] if row["value"] is None else 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    assert results["counts"]["units"] == 120
    assert results["counts"]["test_units"] == 48
    assert results["counts"]["units_cut_for_the_neutral_moment"] == 24
    assert results["skipped"] == {"pspi": "the features have no column AU04"}
    assert {row["protocol"] for row in results["metrics"]} == {"k_shot"}


def test_a_run_says_for_whom_its_numbers_hold(run):
    """The rest of it is in test_truth_entries."""
    results = json.loads((run / "results.json").read_text())
    assert results["schema"] == "wince-results/2"
    assert {(row["adaptation"], row["k"]) for row in results["calibration"]} == {
        ("none", 0), ("reference", 0), ("ridge", 5), ("reference+ridge", 5), ("participant_prior", 5),
    }  # fmt: skip
    table = pd.read_parquet(run / "predictions.parquet").query("adaptation == 'ridge'")
    row = next(r for r in results["missed"] if r["adaptation"] == "ridge")
    assert row["n_units"] == (table["truth"] >= row["from"]).sum()
    assert all(row["hours"] == pytest.approx(48 / 3600) for row in results["alarms"])
    assert len(results["participants"]["rows"]) == 6


def test_oracles_are_marked_and_never_compared(run):
    results = json.loads((run / "results.json").read_text())
    marked = {row["adaptation"] for row in results["metrics"] if row["oracle"]}
    assert marked == {"participant_oracle", "previous_label"}
    assert not {row[side]["adaptation"] for row in results["comparisons"] for side in "ab"} & set(BASELINES)
    assert {row["b"]["adaptation"] for row in results["comparisons"]} == {"none", "reference"}


def test_every_fold_has_its_partition_proof(run):
    proofs = json.loads((run / "results.json").read_text())["proof"]
    assert [proof["test"] for proof in proofs] == [[f"sub-{i:02d}"] for i in range(1, 7)]
    for proof in proofs:
        assert proof["calibration"] == proof["test"]
        assert len(proof["train"]) == 5
        assert not set(proof["train"]) & set(proof["test"])
        assert (proof["calibration_units"], proof["test_units"]) == (5, 8)


def test_what_was_learned_is_kept(run):
    table = pd.read_parquet(run / "parameters.parquet")
    learned = [json.loads(text) for text in table.query("adaptation == 'ridge'")["learned"]]
    assert len(learned) == 6
    assert all(len(each["prior_"]) == 3 for each in learned)


def test_predictions_have_a_row_per_unit_and_system(run):
    table = pd.read_parquet(run / "predictions.parquet")
    wanted = {"participant", "recording", "onset", "truth", "prediction", "se", "fold", "protocol", "system", "k"}
    assert wanted <= set(table.columns)
    assert len(table) == (5 + len(NO_PSPI)) * 48
    assert np.isfinite(table["prediction"]).all()
    assert (table["se"] >= 0).all()
    assert set(table.query("k == 5")["labels"]) == {5}
    assert set(table.query("k == 0")["labels"]) == {0}


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
    with pytest.raises(UserError, match=r"neutral.seconds is 2\.0 there and 1\.0 here"):
        personalize(PersonalizeConfig(neutral=FirstSeconds(seconds=1.0)), cohort=world[0], features=world[1], out=run)
    other = tmp_path / "encoder.parquet"
    pd.read_parquet(world[1]).assign(f0=0.0).to_parquet(other)
    with pytest.raises(UserError, match="features is '"):
        personalize(PersonalizeConfig(), cohort=world[0], features=other, out=run)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match="neither empty nor a run"):
        personalize(PersonalizeConfig(), cohort=world[0], features=world[1], out=tmp_path)


def test_same_seed_same_result_and_truth_is_not_needed(world, run, tmp_path):
    cohort = tmp_path / "cohort"
    shutil.copytree(world[0], cohort)
    truth = cohort / "derivatives" / "truth"
    truth.mkdir(parents=True)
    (truth / "sub-01_ses-01_events.tsv").write_text("onset\n0\n")
    personalize(PersonalizeConfig(), cohort=cohort, features=world[1], out=tmp_path / "run")
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "run" / "predictions.parquet"), pd.read_parquet(run / "predictions.parquet")
    )
    assert (tmp_path / "run" / "results.json").read_text() == (run / "results.json").read_text()


def test_features_of_another_encoder_are_refused(world, few_numbers, tmp_path):
    import pyarrow.parquet as pq

    def embedded(step):
        table = pq.read_table(world[1])
        identity = json.dumps({"step": step, "fingerprint": 17})
        file = tmp_path / "encoder.parquet"
        pq.write_table(table.replace_schema_metadata({**table.schema.metadata, ENCODER_KEY: identity}), file)
        return file

    few = PersonalizeConfig(adaptations=(AdaptationConfig("none"),))
    personalize(few, cohort=world[0], features=embedded(100), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["inputs"]["encoder"] == {"step": 100, "fingerprint": 17}
    with pytest.raises(UserError, match=r"encoder\.step is 100 there and 200 here"):
        personalize(few, cohort=world[0], features=embedded(200), out=tmp_path / "run")


FEW = PersonalizeConfig(adaptations=(AdaptationConfig("ridge", k=3),))


def test_an_interrupted_run_goes_on_where_it_stopped(world, few_numbers, tmp_path, monkeypatch):
    honest, made = folds.run_fold, []

    def fails_at_the_fourth(plan, jobs, *rest):
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(jobs[0].outer)
        return honest(plan, jobs, *rest)

    out, whole = tmp_path / "run", tmp_path / "whole"
    personalize(FEW, cohort=world[0], features=world[1], out=whole)
    monkeypatch.setattr(command, "run_fold", fails_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        personalize(FEW, cohort=world[0], features=world[1], out=out)
    assert not (out / "results.json").exists()
    assert len(list((out / "cells").glob("*.parquet"))) == 3
    broken = out / "cells" / "00001.parquet"
    broken.write_bytes(broken.read_bytes()[:100])
    seen = []
    watched = lambda plan, jobs, *rest: (seen.append(jobs[0].outer), honest(plan, jobs, *rest))[1]  # noqa: E731
    monkeypatch.setattr(command, "run_fold", watched)
    assert personalize(FEW, cohort=world[0], features=world[1], out=out) == 0
    assert seen == ["sub-02", "sub-04", "sub-05", "sub-06"]
    assert (out / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    assert (out / "predictions.parquet").read_bytes() == (whole / "predictions.parquet").read_bytes()
    assert not (out / "cells").exists()


def test_a_row_without_interval_never_reaches_the_disk(world, few_numbers, tmp_path, monkeypatch):
    honest = command.rows.metric_rows
    monkeypatch.setattr(command.rows, "metric_rows", lambda *a: [{**row, "low": None} for row in honest(*a)])
    with pytest.raises(RunFailure, match="without its interval"):
        personalize(FEW, cohort=world[0], features=world[1], out=tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_person_split_by_case_is_caught_behind_the_reader(world, tmp_path, monkeypatch):
    honest = inputs.read_cohort

    def careless(path, only=None):
        cohort = honest(path, only)
        for table in (cohort.recordings, cohort.ratings):
            table.loc[table["recording"] == "sub-01_ses-02", "participant"] = "SUB-01"
        return cohort

    monkeypatch.setattr(inputs, "read_cohort", careless)
    with pytest.raises(RunFailure, match=r"fold 'SUB-01'.*leak.*sub-01"):
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
        PersonalizeConfig(adaptations=(AdaptationConfig("none", k=5),))
    for wrong in ({"draws": 100}, {"seeds": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            PersonalizeConfig(**wrong)
    with pytest.raises(ValueError, match="pool_share"):
        KShotConfig(pool_share=1.0)
    with pytest.raises(UserError, match="'ridge' with k=5 is named twice"):
        PersonalizeConfig(adaptations=(AdaptationConfig("ridge", 5), AdaptationConfig("ridge", 5)))


def test_runs_on_the_same_units_compare(world, few_numbers, run, tmp_path):
    worse = tmp_path / "untrained.parquet"
    table = pd.read_parquet(world[1])
    noise = np.random.default_rng(0).normal(size=(len(table), 8))
    table[[f"f{i}" for i in range(8)]] = noise
    table.to_parquet(worse)
    both = PersonalizeConfig(adaptations=(AdaptationConfig("reference"),))
    personalize(both, cohort=world[0], features=worse, out=tmp_path / "run")
    a, b = (
        pd.read_parquet(out / "predictions.parquet").query("adaptation == 'reference'")
        for out in (run, tmp_path / "run")
    )
    assert set(b["system"]) == {"untrained"}
    found = paired_difference(a, b, "pcc", threshold=4.0)
    assert found["low"] > 0


def test_every_number_of_a_leaky_protocol_says_so(world, few_numbers, tmp_path, capsys):
    config = PersonalizeConfig(protocol=RandomFrameConfig(n_splits=4), adaptations=(AdaptationConfig("none"),))
    assert personalize(config, cohort=world[0], features=world[1], out=tmp_path / "run") == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert all(row["leaky"] and row["protocol"] == "random_frame LEAKY" for row in results["metrics"])
    assert {finding["reason"] for finding in results["audit"]["findings"]} >= {"shared participant"}
    assert "LEAKY" in capsys.readouterr().out


def test_a_leak_fails_the_run_by_name(world, tmp_path, monkeypatch):
    """An adaptation that is fitted on what is tested."""
    honest = folds.run_cell

    def careless(plan, models, job, cell):
        if cell.name == "ridge":
            job = job._replace(calibration={**job.calibration, cell.k: job.test})
        return honest(plan, models, job, cell)

    monkeypatch.setattr(folds, "run_cell", careless)
    with pytest.raises(RunFailure, match=r"fold 'sub-01', ridge k=3: leak \(adaptation\): adaptation was fitted on"):
        personalize(FEW, cohort=world[0], features=world[1], out=tmp_path / "run")
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_protocol_without_labels_of_the_person_refuses_k(world, tmp_path):
    for protocol in (LosoConfig(), RandomFrameConfig()):
        config = PersonalizeConfig(protocol=protocol, adaptations=(AdaptationConfig("ridge", k=3),))
        with pytest.raises(UserError, match="gives no labels of the person: 'ridge' with k=3 needs k_shot"):
            personalize(config, cohort=world[0], features=world[1], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_external_cohort_is_tested_by_a_model_of_another(world, few_numbers, tmp_path):
    (tmp_path / "other").mkdir()
    other = linear_world(tmp_path / "other", people=4, units=10, width=8, light=0.5, differ=0.3, seed=3)
    description = other[0] / "dataset_description.json"
    config = PersonalizeConfig(adaptations=(AdaptationConfig("ridge", k=3),))
    files = {"cohort": other[0], "features": other[1], "train_cohort": world[0], "train_features": world[1]}
    with pytest.raises(UserError, match="both cohorts are called 'linear world'"):
        personalize(config, **files, out=tmp_path / "run")
    description.write_text(json.dumps({"Name": "elsewhere"}))
    personalize(config, **files, out=tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    row = results["metrics"][0]
    assert (row["cohort"], row["train_cohort"], row["protocol"]) == ("elsewhere", "linear world", "external")
    (proof,) = results["proof"]
    assert proof["train"] == [f"linear world/sub-{i:02d}" for i in range(1, 7)]
    assert proof["test"] == proof["calibration"] == [f"elsewhere/sub-{i:02d}" for i in range(1, 5)]
    with pytest.raises(UserError, match="go together"):
        personalize(config, **{**files, "train_features": None}, out=tmp_path / "run2")
