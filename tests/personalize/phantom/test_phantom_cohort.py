"""The cohort on disk: layout, contents, refusals, nothing half-written."""

import json
import shutil
import stat
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.layout import read_cohort
from personalize.phantom import cohort as cohort_module
from personalize.phantom.cohort import write_cohort
from personalize.phantom.face.facs import AUS, pspi
from personalize.phantom.face.parameters import UNITS
from personalize.phantom.filming import enlarge
from personalize.phantom.patient.people import sample_person
from personalize.phantom.scenarios import SCENARIOS
from personalize.phantom.unbc_cohort import BLACK
from personalize.phantom.worlds import make_world
from pretrain.errors import UserError

EXTENT = {"participants": 2, "recordings": 2, "seconds": 4.5, "fps": 8, "size": 64}


def write(out: Path, scenario: str = "episodes", world: str = "", **options) -> None:
    """A small cohort; `options` of the extent or of `write_cohort`."""
    chosen = SCENARIOS[scenario]
    extent = enlarge(chosen.default, **{k: options.pop(k, v) for k, v in EXTENT.items()})
    rules = make_world(world, chosen.worlds, scenario)
    write_cohort(out, scenario=chosen, extent=extent, world=rules, **{"seed": 3, **options})


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "cohort"
    write(out)
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
            parts = {f"{stem}_video.mp4", f"{stem}_video.json", f"{stem}_events.tsv"}
            assert parts | {f"derivatives/truth/{stem}_aus.tsv"} <= names
    assert {"participants.tsv", "participants.json", "dataset_description.json"} <= names
    assert len(names) == 4 * 4 + 3 + 1
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
    assert frames.std() > 10


def test_events_are_one_self_rating_and_one_coding_a_second(cohort):
    events = read(cohort / "sub-P002/ses-01/sub-P002_ses-01_events.tsv")
    assert list(events.columns) == ["onset", "duration", "scale", "value", "rater"]
    assert set(zip(events["scale"], events["rater"], strict=True)) == {("vas", "self"), ("pspi", "coder1")}
    for _, rows in events.groupby("scale"):
        assert list(rows["onset"]) == [0, 1, 2, 3, 4]
        assert list(rows["duration"]) == [1, 1, 1, 1, 0.5]
    assert events["value"].between(0, 16).all()


def test_truth_agrees_with_itself_and_with_the_coder(cohort):
    truth = read(cohort / "derivatives/truth/sub-P001/ses-02/sub-P001_ses-02_aus.tsv")
    rest = sample_person([3, 1]).signature.rest
    beyond = np.maximum(truth[list(UNITS)].to_numpy() - rest[: len(UNITS)], 0)
    aus = np.concatenate([beyond, truth[list(AUS[len(UNITS) :])].to_numpy()], 1)
    np.testing.assert_allclose(pspi(aus), truth["pspi"], atol=1e-3)
    events = read(cohort / "sub-P001/ses-02/sub-P001_ses-02_events.tsv")
    codes = events[events["scale"] == "pspi"]["value"].to_numpy()
    true = truth.groupby(truth["onset"].astype(int))["pspi"].mean()
    assert np.abs(codes - true).max() < 1.6  # each of three units is rounded to whole steps


def test_without_noise_and_bias_ratings_are_the_mean_pain(tmp_path):
    write(tmp_path / "c", participants=1, recordings=1, seconds=9.0, world="alike")
    events = read(tmp_path / "c/sub-P001/ses-01/sub-P001_ses-01_events.tsv")
    truth = read(tmp_path / "c/derivatives/truth/sub-P001/ses-01/sub-P001_ses-01_aus.tsv")
    mean = [truth["pain"][(truth["onset"] >= s) & (truth["onset"] < s + 1)].mean() for s in range(9)]
    np.testing.assert_allclose(events[events["scale"] == "vas"]["value"], mean, atol=0.0501)
    assert max(mean) > 1


def test_same_seed_same_files_and_people_do_not_depend_on_their_company(cohort, tmp_path):
    write(tmp_path / "again")
    assert files(tmp_path / "again") == files(cohort)
    write(tmp_path / "second", participants=1, first=2)
    alone, whole = files(tmp_path / "second"), files(cohort)
    assert all(alone[name] == whole[name] for name in alone if "sub-P002" in name)


def test_unlabelled_footage_has_the_same_pixels_and_no_events(cohort, tmp_path):
    write(tmp_path / "bare", participants=1, ratings=False)
    bare = files(tmp_path / "bare")
    assert not any("events" in name for name in bare)
    name = "sub-P001/ses-02/sub-P001_ses-02_video.mp4"
    assert bare[name] == files(cohort)[name]


def test_sidecar_tells_clock_and_phases(tmp_path):
    write(tmp_path / "c", "cold_pressor", participants=1, seconds=10.0)
    first, second = (json.loads(p.read_text()) for p in sorted((tmp_path / "c").rglob("*_video.json")))
    assert (first["StartTime"], first["Excerpt"], first["FrameRate"]) == (0, True, 8)
    assert second["StartTime"] > 300
    assert [p["name"] for p in first["Phases"]] == ["neutral", "baseline", "immersion", "recovery"]


def test_signals_last_as_long_as_the_film(tmp_path):
    write(tmp_path / "c", "cold_pressor", participants=1, recordings=1, seconds=10.0)
    sidecar = json.loads(next((tmp_path / "c").rglob("*_physio.json")).read_text())
    table = pd.read_csv(next((tmp_path / "c").rglob("*_physio.tsv.gz")), sep="\t", names=sidecar["Columns"])
    frames = len(video(next((tmp_path / "c").rglob("*_video.mp4"))))
    assert len(table) == round(frames / 8 * sidecar["SamplingFrequency"])
    assert np.isfinite(table.to_numpy()).all()


def test_coded_scenarios_have_a_row_of_whole_codes_for_every_frame(tmp_path):
    write(tmp_path / "c", "dementia", seconds=5.0, recordings=1)
    assert list(read(tmp_path / "c/participants.tsv")["group"]) == ["dementia", "healthy"]
    for file in (tmp_path / "c").glob("sub-*/*/*_aus.tsv"):
        codes = read(file)
        assert list(codes.columns) == ["onset", *AUS]
        assert len(codes) == len(video(file.with_name(file.name.replace("_aus.tsv", "_video.mp4"))))
        events = read(file.with_name(file.name.replace("_aus", "_events")))
        np.testing.assert_array_equal(pspi(codes[list(AUS)].to_numpy(float)), events[events.scale == "pspi"]["value"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_cohort_is_read_by_the_cohort_reader(tmp_path, scenario):
    write(tmp_path / "c", scenario, seconds=5.0)
    cohort = read_cohort(tmp_path / "c")
    assert len(cohort.participants) == 2 and len(cohort.recordings) == 4
    assert set(cohort.ratings["recording"]) == set(cohort.recordings["recording"])


def test_scenarios_with_the_same_seed_hold_different_people(tmp_path):
    traits = set()
    for scenario in SCENARIOS:
        write(tmp_path / scenario, scenario, seconds=5.0, participants=1, recordings=1, ratings=False)
        truth = read(tmp_path / scenario / "derivatives/truth/participants.tsv")
        traits.add(float(truth["signature_delay_AU04"].iloc[0]))
    assert len(traits) == len(SCENARIOS)
    assert len({s.number for s in SCENARIOS.values()}) == len(SCENARIOS)


def test_refused_answers_are_missing_values(tmp_path):
    write(tmp_path / "c", "dementia", seconds=5.0, participants=1)
    text = next((tmp_path / "c").rglob("*_events.tsv")).read_text()
    said = [line.split("\t") for line in text.splitlines() if "\tnrs\t" in line]
    assert said and all(row[3] == "n/a" for row in said)


def test_worlds_are_written_down(tmp_path):
    write(tmp_path / "c", world="clock,contamination=0.3", participants=1, recordings=1)
    world = json.loads((tmp_path / "c/dataset_description.json").read_text())["World"]
    assert (world["story"], world["contamination"]) == ("clock", 0.3)


def test_unbc_layout_holds_the_same_sequences(tmp_path):
    write(tmp_path / "plain", "shoulder", participants=2)
    write(tmp_path / "unbc", "shoulder", participants=2, layout="unbc")
    frames = sorted((tmp_path / "unbc/Images").rglob("*.png"))
    plain = [video(p) for p in sorted((tmp_path / "plain").rglob("*_video.mp4"))]
    assert len(frames) == sum(map(len, plain))
    assert len({p.parent for p in frames}) == 4
    people = sorted(p.name for p in (tmp_path / "unbc/Images").iterdir())
    assert [int(p[:3]) > 900 for p in people] == [True, True]
    for frame in frames:
        stem = frame.relative_to(tmp_path / "unbc/Images").with_suffix("")
        score = tmp_path / "unbc/Frame_Labels/PSPI" / f"{stem}_facs.txt"
        points = tmp_path / "unbc/AAM_landmarks" / f"{stem}_aam.txt"
        assert 0 <= float(score.read_text()) <= 16
        assert np.loadtxt(points).shape == (66, 2)
    black = [p for p in frames if not cv2.imread(str(p)).any()]
    assert len(black) == BLACK[2] and len({p.parent for p in black}) == 1


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
    write(tmp_path / "c", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path):
    out = tmp_path / "c"
    out.mkdir()
    write(out, participants=1, recordings=1)
    before = files(out)
    with pytest.raises(UserError, match="not an empty folder"):
        write(out)
    assert files(out) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        write(tmp_path / "file")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"participants": 0}, "participants=0"),
        ({"recordings": 0}, "recordings=0"),
        ({"seconds": 2.0}, "seconds=2"),
        ({"fps": 0}, "fps=0"),
        ({"size": 16}, "size=16"),
        ({"size": 65}, "take 66"),
        ({"first": 0}, "first=0"),
    ],
)
def test_impossible_sizes_are_refused_before_anything_is_written(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message) as error:
        write(tmp_path / "new/c", **wrong)
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
        write(tmp_path / "c")
    assert list(tmp_path.iterdir()) == []
