"""The cohort on disk: layout, contents, refusals, nothing half-written."""

import json
import shutil
import stat
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from personalize.phantom import ALIKE, AUS, pspi, sample_person, write_cohort
from personalize.phantom import cohort as cohort_module
from pretrain.errors import UserError

SHORT = {"participants": 2, "seed": 3, "recordings": 2, "seconds": 4.5, "fps": 8, "size": 64}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    write_cohort(out, **SHORT)
    return out


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t")


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def video(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_layout(cohort):
    names = set(files(cohort))
    for person in ("sub-P001", "sub-P002"):
        for session in ("ses-01", "ses-02"):
            stem = f"{person}/{session}/{person}_{session}"
            assert {f"{stem}_video.mp4", f"{stem}_events.tsv", f"derivatives/truth/{stem}_aus.tsv"} <= names
    assert {"participants.tsv", "participants.json", "dataset_description.json"} <= names
    assert len(names) == 4 * 3 + 3 + 1
    assert [p.name for p in cohort.parent.iterdir()] == ["cohort"]


def test_tables(cohort):
    people = read(cohort / "participants.tsv")
    assert list(people["participant_id"]) == ["sub-P001", "sub-P002"]
    assert set(json.loads((cohort / "participants.json").read_text())) == set(people.columns)
    description = json.loads((cohort / "dataset_description.json").read_text())
    assert description["License"] and "Synthetic" in " ".join(description["KnownCaveats"])


def test_videos_are_ordinary_files(cohort):
    path = cohort / "sub-P001/ses-01/sub-P001_ses-01_video.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt, stream.average_rate) == ("h264", "yuv420p", 8)
        assert (stream.width, stream.height, stream.frames) == (64, 64, 36)
    frames = video(path).astype(float)
    assert frames.shape == (36, 64, 64, 3)
    assert frames.std() > 20


def test_events_are_one_self_rating_and_one_coding_a_second(cohort):
    events = read(cohort / "sub-P002/ses-01/sub-P002_ses-01_events.tsv")
    assert list(events.columns) == ["onset", "duration", "scale", "value", "rater"]
    assert set(zip(events["scale"], events["rater"], strict=True)) == {("vas", "self"), ("pspi", "coder1")}
    for _, rows in events.groupby("scale"):
        assert list(rows["onset"]) == [0, 1, 2, 3, 4]
        assert list(rows["duration"]) == [1, 1, 1, 1, 0.5]
    assert events["value"].between(0, 16).all()


def test_coded_pspi_follows_the_truth(cohort):
    truth = read(cohort / "derivatives/truth/sub-P001/ses-02/sub-P001_ses-02_aus.tsv")
    rest = sample_person([3, 1]).signature.rest
    np.testing.assert_allclose(pspi(np.maximum(truth[list(AUS)].to_numpy() - rest, 0)), truth["pspi"], atol=1e-3)
    events = read(cohort / "sub-P001/ses-02/sub-P001_ses-02_events.tsv")
    coded = events[events["scale"] == "pspi"]["value"].to_numpy()
    true = truth.groupby(truth["onset"].astype(int))["pspi"].mean()
    assert np.abs(coded - true).max() < 1.6  # each of three units is rounded to whole steps, lids to open or shut


def test_without_noise_and_bias_ratings_are_the_mean_pain(tmp_path):
    write_cohort(tmp_path / "c", **{**SHORT, "participants": 1, "recordings": 1, "seconds": 9}, people=ALIKE)
    events = read(tmp_path / "c/sub-P001/ses-01/sub-P001_ses-01_events.tsv")
    truth = read(tmp_path / "c/derivatives/truth/sub-P001/ses-01/sub-P001_ses-01_aus.tsv")
    mean = [truth["pain"][(truth["onset"] >= s) & (truth["onset"] < s + 1)].mean() for s in range(9)]
    np.testing.assert_allclose(events[events["scale"] == "vas"]["value"], mean, atol=0.0501)
    assert max(mean) > 1


def test_same_seed_same_files_and_people_do_not_depend_on_their_company(cohort, tmp_path):
    write_cohort(tmp_path / "again", **SHORT)
    assert files(tmp_path / "again") == files(cohort)
    write_cohort(tmp_path / "second", **{**SHORT, "participants": 1, "first": 2})
    alone, whole = files(tmp_path / "second"), files(cohort)
    assert all(alone[name] == whole[name] for name in alone if "sub-P002" in name)


def test_unlabelled_footage_has_the_same_pixels_and_no_events(cohort, tmp_path):
    write_cohort(tmp_path / "bare", **{**SHORT, "participants": 1}, ratings=False)
    bare = files(tmp_path / "bare")
    assert not any("events" in name for name in bare)
    name = "sub-P001/ses-02/sub-P001_ses-02_video.mp4"
    assert bare[name] == files(cohort)[name]


def test_videos_and_events_stand_without_the_truth(cohort, tmp_path):
    shutil.copytree(cohort, tmp_path / "c")
    shutil.rmtree(tmp_path / "c/derivatives")
    for path in (tmp_path / "c").rglob("*_video.mp4"):
        assert len(video(path)) == 36
        assert len(read(path.with_name(path.name.replace("_video.mp4", "_events.tsv")))) == 10


def test_folders_are_private(cohort):
    for folder in [cohort, *(p for p in cohort.rglob("*") if p.is_dir())]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_progress_counts_recordings(tmp_path):
    seen = []
    write_cohort(tmp_path / "c", **SHORT, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path):
    out = tmp_path / "c"
    out.mkdir()
    write_cohort(out, **{**SHORT, "participants": 1, "recordings": 1})
    before = files(out)
    with pytest.raises(UserError, match="not an empty folder"):
        write_cohort(out, **SHORT)
    assert files(out) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        write_cohort(tmp_path / "file", **SHORT)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"participants": 0}, "participants=0"),
        ({"recordings": 0}, "recordings=0"),
        ({"seconds": 2}, "seconds=2"),
        ({"fps": 0}, "fps=0"),
        ({"size": 16}, "size=16"),
        ({"size": 65}, "take 66"),
        ({"first": 0}, "first=0"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message) as error:
        write_cohort(tmp_path / "new/c", **{**SHORT, **wrong})
    assert "\n" not in str(error.value)
    assert not (tmp_path / "new").exists()


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    calls = iter(range(9))
    real = cohort_module.write_video

    def fails_later(*args, **kwargs):
        if next(calls) == 2:
            raise OSError("disk full")
        real(*args, **kwargs)

    monkeypatch.setattr(cohort_module, "write_video", fails_later)
    with pytest.raises(OSError, match="disk full"):
        write_cohort(tmp_path / "c", **SHORT)
    assert list(tmp_path.iterdir()) == []
