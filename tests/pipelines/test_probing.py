"""The probe of a pretraining run: development people only, and the number that embedding and a ridge give."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.development import development_people
from personalize.cohorts.layout import read_cohort
from personalize.heads.ridge import RidgeHead
from pipelines.cli import main
from pipelines.probing import label_probe
from pretrain.clips.loader import FrameReader
from pretrain.clips.tracks import index_tracks, tile
from pretrain.errors import UserError
from tests.support.small import SMALL, small

PEOPLE = [f"sub-{number:02d}" for number in range(8)]
DEVELOPMENT = PEOPLE[:4]


@pytest.fixture
def cohort(tmp_path, drawn_clips):
    """People whose ratings follow the first measure; those of the test people are words where numbers should be."""
    root = tmp_path / "cohort"
    for track in index_tracks(drawn_clips):
        folder = root / track.source.split("/")[0]
        folder.mkdir(parents=True)
        (folder / "video.mp4").touch()
        value = 4 + 2 * track.measures[:, 0] if folder.name in DEVELOPMENT else ["not to be read"] * len(track.time)
        table = {"onset": track.time, "duration": 0.1, "scale": "vas", "value": value, "rater": "self"}
        pd.DataFrame(table).to_csv(folder / "events.tsv", sep="\t", index=False)
    people = {"participant_id": PEOPLE, "split": ["development" if p in DEVELOPMENT else "test" for p in PEOPLE]}
    pd.DataFrame(people).to_csv(root / "participants.tsv", sep="\t", index=False)
    return root


def first_pixels(frames):
    return np.asarray(frames, np.float64)[:, :, ::8, ::8, 0].mean(1).reshape(len(frames), -1)


def test_value_is_that_of_a_ridge_on_the_clips_of_development_people(cohort, drawn_clips):
    config = small(encoder__width=16)
    shape, seen, x, y, people = config.clip, [], [], [], []
    found = label_probe(cohort, drawn_clips, config)(0, lambda frames: seen.append(frames) or first_pixels(frames))
    read = FrameReader(drawn_clips, config.encoder.channels)
    for track in index_tracks(drawn_clips)[:4]:
        windows = tile(track.time, shape)
        x.append(first_pixels(read(track, windows)))
        y.append((4 + 2 * track.measures[windows, 0]).mean(1))
        people += [track.source] * len(windows)
    x, y, people = np.concatenate(x), np.concatenate(y).astype(float), np.array(people)
    # a clip at the end of a track may lie beside its last rating by a frame, hence the tolerance
    predicted = RidgeHead().fit(x, y, people, held_out=[]).left_out_.value
    each = [np.abs(predicted - y)[people == p].mean() for p in np.unique(people)]
    assert found["probe_vas_mae"] == pytest.approx(np.mean(each), rel=5e-3)
    each = [np.corrcoef(predicted[people == p], y[people == p])[0, 1] for p in np.unique(people)]
    assert found["probe_vas_pcc"] == pytest.approx(np.mean(each), rel=5e-3)


def test_test_people_are_not_looked_at(cohort, drawn_clips):
    seen = []
    label_probe(cohort, drawn_clips, small(encoder__width=16))(0, lambda f: seen.append(f) or first_pixels(f))
    read = FrameReader(drawn_clips, 1)
    theirs = {bytes(f) for t in index_tracks(drawn_clips)[4:] for f in read(t, np.arange(len(t.time)))}
    mine = {bytes(f) for f in np.concatenate(seen).reshape(-1, 32, 32, 1)}
    assert mine and not mine & theirs


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("compile_quickly")
def test_run_is_probed_and_best_may_be_what_the_probe_says(cohort, drawn_clips, tmp_path, capsys):
    out = tmp_path / "run"
    changes = SMALL | {"steps": "4", "evaluate_every": "2", "keep_best": "1", "best": "probe_vas_pcc"}
    flags = [word for key, value in changes.items() for word in (f"--{key}", value)]
    command = ["pretrain", "pretrain/tiny", "--clips", str(drawn_clips), "--out", str(out), *flags]
    assert main([*command, "--probe", str(cohort), str(drawn_clips)]) == 0
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval/probe_vas_pcc" in row] == [0, 2, 4]
    # without the probe it is another run
    assert main(command) == 2
    assert "inputs.probe" in capsys.readouterr().err


def test_development_people(cohort, tmp_path):
    data = read_cohort(cohort)
    assert development_people(data) == set(DEVELOPMENT)
    listed = tmp_path / "some.tsv"
    listed.write_text("participant_id\nsub-05\n")
    assert development_people(data, listed) == {"sub-05"}
    listed.write_text("participant_id\nsub-50\n")
    with pytest.raises(UserError, match=r"no participant 'sub-50'.*did you mean"):
        development_people(data, listed)
    table = pd.read_csv(cohort / "participants.tsv", sep="\t")
    for column, message in (({"split": "train"}, "neither"), ({"split": "test"}, "none of 8 participants is a dev")):
        table.assign(**column).to_csv(cohort / "participants.tsv", sep="\t", index=False)
        with pytest.raises(UserError, match=message):
            development_people(read_cohort(cohort))


def test_hashed_fifth_stays_who_it_is_as_people_join(cohort):
    def chosen(count):
        names = [f"sub-{number:04d}" for number in range(count)]
        pd.DataFrame({"participant_id": names}).to_csv(cohort / "participants.tsv", sep="\t", index=False)
        for folder in cohort.glob("sub-*"):
            shutil.rmtree(folder)
        return development_people(read_cohort(cohort))

    few, many = chosen(300), chosen(1000)
    assert few == {name for name in many if int(name[4:]) < 300}
    assert 160 < len(many) < 240
