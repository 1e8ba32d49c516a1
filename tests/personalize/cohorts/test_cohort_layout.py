"""The cohort on disk: what is read, what is refused and with which words."""

import shutil

import pandas as pd
import pytest

from personalize.cohorts.cohort import RECORDING_COLUMNS, STREAMS
from personalize.cohorts.features import tabulated_features
from personalize.cohorts.identity import same_person_key
from personalize.cohorts.layout import choose_target, read_cohort
from pretrain.errors import UserError
from tests.personalize.cohorts.cohort_worlds import linear_world, write_events


@pytest.fixture
def cohort_path(tmp_path):
    return linear_world(tmp_path, people=3, units=4)[0]


def write_participants(cohort, names):
    pd.DataFrame({"participant_id": names}).to_csv(cohort / "participants.tsv", sep="\t", index=False)


def test_reads_participants_recordings_and_ratings(cohort_path):
    cohort = read_cohort(cohort_path)
    assert cohort.name == "linear world"
    assert list(cohort.participants["participant"]) == ["sub-01", "sub-02", "sub-03"]
    assert list(cohort.recordings.columns) == [*RECORDING_COLUMNS]
    first = cohort.recordings.iloc[0]
    assert (first["recording"], first["session"]) == ("sub-01_ses-01", "ses-01")
    assert first["video"] == "sub-01/ses-01/sub-01_ses-01_video.mp4"
    assert len(cohort.ratings) == 3 * 2 * 4
    assert set(cohort.ratings["scale"]) == {"vas"}


def test_recordings_are_in_numeric_order_and_named_after_session(tmp_path):
    write_participants(tmp_path, ["sub-A"])
    for session in ("ses-10", "ses-9"):
        (tmp_path / "sub-A" / session).mkdir(parents=True)
        (tmp_path / "sub-A" / session / "face_video.MP4").touch()
        (tmp_path / "sub-A" / session / "face_video.json").touch()
    assert list(read_cohort(tmp_path).recordings["recording"]) == ["sub-A_ses-9_face", "sub-A_ses-10_face"]


def test_streams_of_a_recording(tmp_path):
    write_participants(tmp_path, ["sub-A"])
    (tmp_path / "sub-A").mkdir()
    files = {
        "video": "sub-A_1.5_video.mp4",
        "aus": "sub-A_1.5_aus.tsv",
        "physio": "sub-A_1.5_physio.tsv.gz",
        "landmarks": "sub-A_1.5_landmarks.tsv.gz",
    }
    for name in (
        *files.values(),
        "sub-A_1.5_physio.json",
        "sub-A_1.5_aus.tsv.gz",
        "sub-A_2_physio.tsv.gz",
        "._x_aus.tsv",
    ):
        (tmp_path / "sub-A" / name).touch()
    first, second = read_cohort(tmp_path).recordings.to_dict("records")
    assert {k: v for k, v in first.items() if k in STREAMS and v} == {k: f"sub-A/{v}" for k, v in files.items()}
    assert (second["recording"], second["physio"]) == ("sub-A_2", "sub-A/sub-A_2_physio.tsv.gz")


def test_truth_is_never_opened(cohort_path):
    truth = cohort_path / "derivatives" / "truth" / "sub-01"
    truth.mkdir(parents=True)
    (truth / "sub-01_events.tsv").write_text("not a table of ratings\n")
    before = read_cohort(cohort_path)
    shutil.rmtree(cohort_path / "derivatives")
    after = read_cohort(cohort_path)
    pd.testing.assert_frame_equal(before.recordings, after.recordings)
    pd.testing.assert_frame_equal(before.ratings, after.ratings)


def test_missing_values_and_moments(cohort_path):
    write_events(cohort_path / "sub-01/ses-01/sub-01_ses-01_events.tsv", [0.0, 1.0], [None, 2.0], duration=None)
    cohort = read_cohort(cohort_path)
    ratings = cohort.ratings[cohort.ratings["recording"] == "sub-01_ses-01"]
    assert ratings["value"].isna().tolist() == [True, False]
    assert ratings["duration"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sub-01", "SUB-01"], "'SUB-01' is not of the form"),
        (["sub-0a", "sub-0A", "sub-02", "sub-03"], "'sub-0a' and 'sub-0A' name the same participant"),
        (["sub-01", "sub-01", "sub-02", "sub-03"], "'sub-01' and 'sub-01' name the same participant"),
        (["sub-01", "sub-02"], "sub-03 has no row in participants.tsv"),
        (["01"], "'01' is not of the form sub-"),
    ],
)
def test_odd_participants_are_refused(cohort_path, names, message):
    write_participants(cohort_path, names)
    with pytest.raises(UserError, match=message):
        read_cohort(cohort_path)


def test_folder_of_other_case_gets_the_right_name(tmp_path):
    write_participants(tmp_path, ["sub-ab"])
    (tmp_path / "sub-AB").mkdir()
    with pytest.raises(UserError, match="did you mean 'sub-ab'"):
        read_cohort(tmp_path)


def test_absent_or_misnamed_files_are_refused(cohort_path, tmp_path):
    with pytest.raises(UserError, match="no cohort at"):
        read_cohort(tmp_path / "nowhere")
    (cohort_path / "participants.tsv").rename(cohort_path / "participant.tsv")
    with pytest.raises(UserError, match=r"no participants.tsv there; did you mean 'participant.tsv'\?"):
        read_cohort(cohort_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("onset\tduration\tscale\tvalues\trater\n", "no column 'value'; did you mean 'values'"),
        ("onset\tduration\tscale\tvalue\trater\n1\tx\tvas\t1\tself\n", "row 2: duration 'x' is not a number"),
        ("onset\tduration\tscale\tvalue\trater\n1\t-1\tvas\t1\tself\n", "row 2: duration is negative"),
        ("onset\tduration\tscale\tvalue\trater\nn/a\t1\tvas\t1\tself\n", "row 2: onset is missing"),
    ],
)
def test_odd_events_are_refused(cohort_path, content, message):
    (cohort_path / "sub-02/ses-01/sub-02_ses-01_events.tsv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_cohort(cohort_path)


def test_two_videos_of_one_recording_are_refused(cohort_path):
    (cohort_path / "sub-01/ses-01/sub-01_ses-01_video.mov").touch()
    with pytest.raises(UserError, match="two video files of sub-01_ses-01"):
        read_cohort(cohort_path)


def test_target_is_chosen_or_the_nearest_named(cohort_path):
    cohort = read_cohort(cohort_path)
    assert choose_target(cohort, None) == choose_target(cohort, "vas") == "vas"
    with pytest.raises(UserError, match="did you mean 'vas'"):
        choose_target(cohort, "vass")
    write_events(cohort_path / "sub-01/ses-01/sub-01_ses-01_events.tsv", [0.0], [1.0], scale="pspi")
    with pytest.raises(UserError, match="2 scales, say which is the target; known: pspi, vas"):
        choose_target(read_cohort(cohort_path), None)


def test_tables_of_features_last_until_the_next_row(tmp_path):
    write_participants(tmp_path, ["sub-01", "sub-02"])
    for name, sidecar in (("sub-01", None), ("sub-02", '{"Time": "order"}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_features.tsv").write_text("onset\tau4\n0\t1\n2\tn/a\n6\t3\n")
        if sidecar:
            (tmp_path / name / f"{name}_features.json").write_text(sidecar)
    rows, _ = tabulated_features(read_cohort(tmp_path))
    assert rows["t1"].tolist() == [2.0, 6.0, 9.0, 1.0, 3.0, 7.0]
    assert rows["au4"].isna().tolist() == [False, True, False] * 2
    (tmp_path / "sub-02" / "sub-02_features.tsv").write_text("onset\tau6\n0\t1\n")
    with pytest.raises(UserError, match="other features than in"):
        tabulated_features(read_cohort(tmp_path))
    (tmp_path / "sub-02" / "sub-02_features.tsv").write_text("onset\tau4\n1\t1\n0\t2\n")
    with pytest.raises(UserError, match="must increase"):
        tabulated_features(read_cohort(tmp_path))


def test_same_person_key():
    assert same_person_key(" SUB-0 1\t") == same_person_key("sub-01") == same_person_key("ｓｕｂ-01")
    assert same_person_key("sub-01") != same_person_key("sub-10")
