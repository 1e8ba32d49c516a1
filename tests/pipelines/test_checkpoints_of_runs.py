"""Checkpoints of a run: their names, the curve on development people, and final runs that are counted."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from personalize.config import PersonalizeConfig
from pipelines import checkpoint_curve, final_run, step_features
from pipelines.checkpoint_curve import choose, folder_of, score_checkpoints, scored_steps
from pipelines.cli import main
from pipelines.configuration import load_config
from pipelines.final_run import evaluations
from pipelines.personalization import command
from pipelines.personalization.choices import with_adaptations
from pipelines.pretrained import find_pretrained
from pipelines.report.page import write_report
from pretrain.clips.tracks import index_tracks
from pretrain.errors import RunFailure, UserError
from pretrain.training.start import pin
from tests.support.small import SMALL

pytestmark = [
    pytest.mark.usefixtures("compile_quickly", "few_numbers"),
    # Orbax leaves its coroutines and event loop to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).resolve().parents[2]
PEOPLE = [f"sub-{number:02d}" for number in range(8)]
DEVELOPMENT, TEST = PEOPLE[:4], PEOPLE[4:]
STEPS = [0, 2, 4]


def write_cohort(root, clips):
    """People whose ratings follow the first measure of their clips; half of them are for development."""
    for track in index_tracks(clips):
        folder = root / track.source.split("/")[0]
        folder.mkdir(parents=True)
        (folder / "video.mp4").touch()
        value = 4 + 2 * track.measures[:, 0]
        table = {"onset": track.time, "duration": 0.1, "scale": "vas", "value": value, "rater": "self"}
        pd.DataFrame(table).to_csv(folder / "events.tsv", sep="\t", index=False)
    people = {"participant_id": PEOPLE, "split": ["development" if p in DEVELOPMENT else "test" for p in PEOPLE]}
    pd.DataFrame(people).to_csv(root / "participants.tsv", sep="\t", index=False)
    (root / "dataset_description.json").write_text('{"Name": "drawn"}')
    return root


@pytest.fixture(scope="module")
def cohort(tmp_path_factory, drawn_clips):
    return write_cohort(tmp_path_factory.mktemp("people") / "cohort", drawn_clips)


@pytest.fixture(scope="module")
def run(tmp_path_factory, drawn_clips, compile_quickly):
    out = tmp_path_factory.mktemp("pretrained") / "run"
    changes = SMALL | {"steps": "4", "evaluate_every": "4", "checkpoint_every": "2"}
    flags = [word for key, value in changes.items() for word in (f"--{key}", value)]
    assert main(["pretrain", "pretrain/tiny", "--clips", str(drawn_clips), "--out", str(out), *flags]) == 0
    return out


def words(encoder, cohort, clips, out, *more):
    given = ["--cohort", cohort, "--encoder", encoder, "--clips", clips, "--out", out, "--adaptation", "ridge"]
    return [*map(str, ["personalize", "personalize/ridge", *given, "--k", 2, *more])]


@pytest.fixture(scope="module")
def scored(tmp_path_factory, run, cohort, drawn_clips, few_numbers):
    out = tmp_path_factory.mktemp("scored") / "curve"
    assert main(words(f"{run}@all", cohort, drawn_clips, out)) == 0
    return out


def results(out):
    return json.loads((out / "results.json").read_text())


def test_names_of_steps(run, tmp_path):
    assert [pin(find_pretrained(f"{run}{at}")).step for at in ("", "@latest", "@2", "@0")] == [4, 4, 2, 0]
    with pytest.raises(UserError, match="no checkpoint there has a value"):
        shutil.copytree(run, tmp_path / "young")
        (tmp_path / "young" / "metrics.jsonl").write_text("")
        pin(find_pretrained(f"{tmp_path / 'young'}@best"))
    with pytest.raises(UserError, match="is every checkpoint; this takes one"):
        find_pretrained(f"{run}@all")
    with pytest.raises(UserError, match="did you mean 'latest'"):
        find_pretrained(f"{run}@last")


def test_best_is_the_default_where_the_run_keeps_it(run, tmp_path):
    other = tmp_path / "run"
    shutil.copytree(run, other)
    config = json.loads((other / "config.json").read_text())
    config["config"] |= {"keep_best": 1, "best": "knn"}
    (other / "config.json").write_text(json.dumps(config))
    assert pin(find_pretrained(str(other))).step == 4  # it has no best one yet
    (other / "metrics.jsonl").write_text('{"step": 2, "eval/knn": 0.9}\n{"step": 4, "eval/knn": 0.1}\n')
    assert pin(find_pretrained(str(other))).step == 2
    assert pin(find_pretrained(f"{other}@latest")).step == 4


def test_every_checkpoint_is_scored_on_development_people(scored):
    found = results(scored)
    assert sorted({row["step"] for row in found["checkpoints"]}) == STEPS
    assert {(row["adaptation"], row["k"]) for row in found["checkpoints"]} == {("none", 0), ("ridge", 2)}
    for step in STEPS:
        table = pd.read_parquet(folder_of(scored, step) / "predictions.parquet")
        assert sorted(table["participant"].unique()) == DEVELOPMENT
        part = table[table["adaptation"] == "ridge"]
        error = (part["truth"] - part["prediction"]).abs().groupby(part["participant"]).mean().mean()
        own = [r for r in found["checkpoints"] if (r["step"], r["adaptation"], r["metric"]) == (step, "ridge", "mae")]
        assert own[0]["value"] == pytest.approx(error)
        assert own[0]["low"] <= error <= own[0]["high"]
    errors = {r["step"]: r["value"] for r in found["checkpoints"] if (r["adaptation"], r["metric"]) == ("ridge", "mae")}
    assert found["chosen"]["step"] == min(errors, key=errors.__getitem__)
    for proof in found["proof"]:
        assert not {*proof["train"], *proof["test"], *proof["calibration"]} & set(TEST)


def test_choice_prefers_steps_that_are_still_there():
    rows = [
        {"step": step, "adaptation": "ridge", "k": 2, "metric": "mae", "value": value}
        for step, value in {0: 3.0, 10: 1.0, 20: 2.0, 30: 2.0, 40: None}.items()
    ]
    assert choose(rows, "numeric", [0, 10, 20, 30, 40])["step"] == 10
    assert choose(rows, "numeric", [0, 20, 30, 40])["step"] == 30
    assert choose(rows, "numeric", [])["step"] == 10
    assert choose(rows[-1:], "numeric", [40]) is None


def test_ratings_of_test_people_are_never_opened(scored, run, drawn_clips, tmp_path):
    cohort = write_cohort(tmp_path / "cohort", drawn_clips)
    for name in TEST[:2]:
        (cohort / name / "events.tsv").write_bytes(b"\xff\x00 not to be read")
    for name in TEST[2:]:
        (cohort / name / "events.tsv").unlink()
    out = tmp_path / "curve"
    shutil.copytree(scored / "features", out / "features")  # of the same videos: nothing is embedded again
    assert main(words(f"{run}@all", cohort, drawn_clips, out)) == 0
    assert (out / "results.json").read_bytes() == (scored / "results.json").read_bytes()
    assert (out / "predictions.parquet").read_bytes() == (scored / "predictions.parquet").read_bytes()


def test_report_draws_the_curve(scored, tmp_path):
    assert write_report([scored], tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert 'alt="Over pretraining steps: MAE of development people: ' in page
    assert "was chosen on them" in page
    assert (tmp_path / "report_figures" / "checkpoints.png").read_bytes()[:4] == b"\x89PNG"


def test_same_command_again_scores_nothing_and_another_encoder_is_refused(
    scored, run, cohort, drawn_clips, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "curve"
    shutil.copytree(scored, out)
    monkeypatch.setattr(checkpoint_curve, "_score", None)
    assert main(words(f"{run}@all", cohort, drawn_clips, out)) == 0
    assert results(out) == results(scored)
    found = json.loads((folder_of(out, 2) / "results.json").read_text())
    found["encoder"]["checkpoint"] += 1
    (folder_of(out, 2) / "results.json").write_text(json.dumps(found))
    assert main(words(f"{run}@all", cohort, drawn_clips, out)) == 2
    assert "step 2 was scored with another encoder" in capsys.readouterr().err


@pytest.mark.long
def test_a_kill_and_the_same_bytes(scored, run, cohort, drawn_clips, tmp_path):
    out = tmp_path / "curve"
    command = words(f"{run}@all", cohort, drawn_clips, out)
    wince = [sys.executable, "-m", "tests.support.few_numbers"]
    process = subprocess.Popen([*wince, *command], cwd=ROOT, stdout=subprocess.DEVNULL)
    cells = folder_of(out, 2) / "cells"
    while process.poll() is None and not list(cells.glob("*.parquet")):
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -9
    assert (folder_of(out, 0) / "results.json").is_file()
    assert not (out / "results.json").exists()
    assert main(command) == 0
    for name in ("results.json", "predictions.parquet", "parameters.parquet"):
        assert (out / name).read_bytes() == (scored / name).read_bytes(), name


@pytest.mark.long
def test_a_run_that_goes_on_is_followed_to_its_last_step(scored, run, cohort, drawn_clips, tmp_path):
    growing, out = tmp_path / "run", tmp_path / "curve"
    shutil.copytree(run, growing, ignore=lambda folder, names: {"2", "4"} & set(names))
    said = []

    def go_on():
        for step, before in ((2, 0), (4, 2)):
            while not (folder_of(out, before) / "results.json").is_file():
                time.sleep(0.02)
            said.append((step, results(out)["checkpoints"] if (out / "results.json").is_file() else []))
            shutil.copytree(run / "checkpoints" / str(step), growing / "checkpoints" / f"{step}.part")
            (growing / "checkpoints" / f"{step}.part").rename(growing / "checkpoints" / str(step))

    helper = threading.Thread(target=go_on, daemon=True)
    helper.start()
    config = with_adaptations(load_config("personalize/ridge", PersonalizeConfig), ["ridge"], [2])
    options = {"clips": drawn_clips, "cohort": cohort, "out": out, "pause": 0.05, "patience": 120.0}
    assert score_checkpoints(config, run=str(growing), follow=True, **options) == 0
    helper.join()
    assert (out / "results.json").read_bytes() == (scored / "results.json").read_bytes()


def test_a_run_that_has_died_is_not_waited_for(run, cohort, drawn_clips, tmp_path):
    dead, out = tmp_path / "run", tmp_path / "curve"
    shutil.copytree(run, dead, ignore=lambda folder, names: {"2", "4"} & set(names))
    config = with_adaptations(load_config("personalize/ridge", PersonalizeConfig), ["ridge"], [2])
    options = {"clips": drawn_clips, "cohort": cohort, "out": out, "pause": 0.01, "patience": 0.05}
    with pytest.raises(RunFailure, match="no step and no line of its log"):
        score_checkpoints(config, run=str(dead), follow=True, **options)
    assert scored_steps(out) == [0]


def test_final_runs_test_the_others_and_are_counted(run, cohort, drawn_clips, tmp_path, monkeypatch, capsys):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(words(copy, cohort, drawn_clips, one)) == 0
    assert "evaluated on these people for" not in capsys.readouterr().out
    table = pd.read_parquet(one / "predictions.parquet")
    assert sorted(table["participant"].unique()) == TEST
    found = results(one)
    assert found["evaluation"]["times"] == 1
    assert found["counts"]["development_people_not_tested"] == 4
    assert len(found["proof"][0]["train"]) == 7
    record = json.loads((one / "config.json").read_text())["inputs"]["encoder"]
    (row,) = evaluations(copy)
    assert (row["step"], row["fingerprint"]) == (record["step"], record["fingerprint"]) == (4, row["fingerprint"])
    assert (row["cohort"], row["people"], row["run"]) == ("drawn", 4, "one")
    assert "sub-" not in (copy / "evaluations.jsonl").read_text()
    # done is done; killed after it was counted it goes on, embeds nothing again and is counted once
    assert main(words(copy, cohort, drawn_clips, one)) == 0
    assert len(evaluations(copy)) == 1
    with monkeypatch.context() as broken:
        broken.setattr(command, "run_folds", _interrupted)
        assert main(words(f"{copy}@2", cohort, drawn_clips, two)) == 130
    assert [row["run"] for row in evaluations(copy)] == ["one", "two"]
    with monkeypatch.context() as no_encoder:
        no_encoder.setattr(step_features, "Encoder", None)
        assert main(words(f"{copy}@2", cohort, drawn_clips, two)) == 0
    assert [row["run"] for row in evaluations(copy)] == ["one", "two"]
    assert results(two)["evaluation"]["times"] == 2
    assert "evaluated on these people for the 2nd time" in capsys.readouterr().out
    assert results(two)["metrics"][0]["system"] == "run@2"


def _interrupted(*_):
    raise KeyboardInterrupt


def test_nobody_is_tested_where_it_cannot_be_recorded(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunFailure, match="cannot record that test people are looked at"):
        final_run._append(tmp_path / "file" / "evaluations.jsonl", {"id": "0"})


def test_development_people_of_a_table_of_features_are_not_tested(scored, cohort, tmp_path):
    listed = tmp_path / "development.tsv"
    listed.write_text("participant_id\nsub-03\n")
    given = ["--features", scored / "features" / "4.parquet", "--development", listed, "--out", tmp_path / "out"]
    command = [*map(str, ["personalize", "personalize/ridge", "--cohort", cohort, *given, "--adaptation", "none"])]
    assert main(command) == 0
    table = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    assert sorted(table["participant"].unique()) == DEVELOPMENT[:3]
    assert "sub-03" in results(tmp_path / "out")["proof"][0]["train"]
    assert "evaluation" not in results(tmp_path / "out")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--encoder", "RUN"], "--encoder needs --clips"),
        (["--clips", "CLIPS"], "--clips needs --encoder"),
        (["--encoder", "RUN", "--clips", "CLIPS", "--follow"], "RUN@all"),
        (["--encoder", "RUN@all", "--clips", "CLIPS", "--features", "F"], "not allowed with argument"),
        (
            ["--encoder", "RUN", "--clips", "CLIPS", "--train-cohort", "C"],
            "--train-cohort and --train-clips go together",
        ),
        (["--encoder", "RUN@7", "--clips", "CLIPS"], "there are: 0, 2, 4"),
    ],
)
def test_mistakes_are_one_line(run, cohort, drawn_clips, tmp_path, capsys, more, says):
    put = {"RUN": str(run), "CLIPS": str(drawn_clips), "RUN@all": f"{run}@all", "RUN@7": f"{run}@7", "C": str(cohort)}
    command = ["personalize", "personalize/ridge", "--cohort", str(cohort), *(put.get(word, word) for word in more)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert says.replace("RUN", str(run)) in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_features_that_are_kept_are_of_development_people(scored):
    table = pd.read_parquet(scored / "features" / "0.parquet")
    assert sorted({source.split("/")[0] for source in table["source"]}) == DEVELOPMENT
    assert np.isfinite(table.filter(regex="^f\\d").to_numpy()).all()
