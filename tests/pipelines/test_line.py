"""The whole line on a handful of phantom people: what `wince demo` does, small."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pipelines import cli
from pipelines.demo import DemoSize, personal_runs, run_demo
from pretrain.clips.dataset import read_clips
from tests.support.quickly import wince

pytestmark = pytest.mark.usefixtures("prepare_here")
SMALL = DemoSize(
    pretraining_people=2,
    cohort_people=4,
    seconds=7,
    overrides="--steps 12 --batch.tracks 4 --batch.clips_per_track 3 --checkpoint_every 6 --log_every 6",
)


@pytest.fixture(scope="module")
def line(tmp_path_factory, prepare_here):
    out = tmp_path_factory.mktemp("line") / "demo"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "main", lambda words: wince(*words))
        assert run_demo(out, SMALL) == 0
    return out


@pytest.mark.slow
def test_report_holds_every_row_with_its_interval(line):
    page = (line / "report.html").read_text()
    for words in ("encoder: population model", "encoder: neutral reference + personalised", "own labels only"):
        assert words in page
    assert 'src="http' not in page
    assert page.count("data:image/png;base64,") >= 5
    for run in personal_runs(line):
        rows = json.loads((run / "results.json").read_text())["metrics"]
        assert all(r["value"] is None or r["low"] <= r["high"] for r in rows)
        assert all(r["value"] is not None or r["reason"] for r in rows)


@pytest.mark.slow
def test_all_rows_are_tested_on_the_same_units(line):
    tables = [pd.read_parquet(run / "predictions.parquet") for run in personal_runs(line)]
    units = [
        set(zip(part.participant, part.recording, part.onset, strict=True))
        for table in tables
        for _, part in table.groupby(["adaptation", "k"])
    ]
    assert len(units) > 15  # adaptations and baselines of three systems
    assert all(u == units[0] for u in units)
    assert all("ses-02" in recording for _, recording, _ in units[0])


@pytest.mark.long
def test_truth_is_never_needed(line, tmp_path, capsys):
    """Deleting the truth changes no crop, no measure and no prediction."""
    blind = tmp_path / "cohort"
    shutil.copytree(line / "cohort", blind)
    shutil.rmtree(blind / "derivatives")
    commands = [
        ["prepare", blind, "--out", tmp_path / "clips", "--size", "64"],
        ["embed", line / "encoder", tmp_path / "clips", "--out", tmp_path / "encoder.parquet"],
        ["personalize", "personalize/ridge", "--cohort", blind, "--features", tmp_path / "encoder.parquet"],
    ]
    commands[-1] += ["--out", tmp_path / "run"]
    for command in commands:
        assert wince(*command) == 0
    for seen, unseen in zip(read_clips(line / "clips"), read_clips(tmp_path / "clips"), strict=True):
        assert seen.key == unseen.key
        assert seen.frames == unseen.frames
        np.testing.assert_array_equal(seen.measures, unseen.measures)
    before = pd.read_parquet(line / "personal" / "encoder" / "predictions.parquet")
    after = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    np.testing.assert_array_equal(before.prediction, after.prediction)


@pytest.mark.slow
def test_pretraining_again_is_done_already_and_another_config_is_refused(line, capsys):
    clips, run = (str(line / name) for name in ("pretraining_clips", "encoder"))
    command = ["pretrain", "pretrain/compact", "--clips", clips, "--out", run, *SMALL.overrides.split()]
    before = (line / "encoder" / "metrics.jsonl").read_text()
    assert wince(*command) == 0
    assert (line / "encoder" / "metrics.jsonl").read_text() == before
    assert wince(*command, "--seed", "5") == 2
    assert "seed is 0 there and 5 here" in capsys.readouterr().err


@pytest.mark.slow
def test_run_folders_are_private(line):
    for folder in [line, line / "encoder", line / "clips", line / "cohort", *personal_runs(line)]:
        assert folder.stat().st_mode & 0o077 == 0, folder
    for name in ("config.json", "environment.json"):
        assert (line / "encoder" / name).is_file()
        assert (personal_runs(line)[0] / name).is_file()


@pytest.mark.slow
def test_unknown_step_names_those_that_are_there(line, tmp_path, capsys):
    assert wince("embed", f"{line / 'encoder'}@7", line / "clips", "--out", tmp_path / "x.parquet") == 2
    assert "there are: 0, 6, 12" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_a_model_reads_a_film_as_the_run_did(line, tmp_path):
    """Film to numbers by `predict` is what prepare, embed and personalize gave together."""
    names = pd.read_csv(line / "cohort" / "participants.tsv", sep="\t")["participant_id"].tolist()
    (tmp_path / "development.tsv").write_text(f"participant_id\n{names[0]}\n")
    given = ["--cohort", line / "cohort", "--encoder", line / "encoder", "--clips", line / "clips"]
    given += ["--development", tmp_path / "development.tsv", "--out", tmp_path / "run"]
    assert wince("personalize", "personalize/ridge", *given) == 0
    film = next((line / "cohort" / names[1] / "ses-02").glob("*_video.mp4"))
    assert wince("predict", tmp_path / "run", film, "--participant", names[1], "--out", tmp_path / "said.csv") == 0
    said, table = pd.read_csv(tmp_path / "said.csv"), pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    own = table[(table["participant"] == names[1]) & (table["adaptation"] == "reference+ridge")]
    both = own.merge(said, left_on=[own["track"], own["onset"].round(6)], right_on=[said["track"], said["t0"].round(6)])
    assert len(both) == len(own) > 0
    np.testing.assert_allclose(both["prediction_y"], both["prediction_x"], rtol=1e-5)


@pytest.mark.slow
def test_features_cover_every_track_to_its_end(line):
    features = pd.read_parquet(line / "features" / "encoder.parquet")
    ends = features.groupby(["source", "track"]).end_frame.max()
    crops: dict = {}
    for record in read_clips(line / "clips"):
        key = (record.source, record.track)
        crops[key] = max(crops.get(key, 0), int(record.frame_index[-1]) + 1)
    assert ends.to_dict() == {key: last for key, last in crops.items() if key in ends.index}
    assert len(ends) >= 8
