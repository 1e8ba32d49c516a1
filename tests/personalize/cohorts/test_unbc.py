"""UNBC-McMaster as a cohort: against the same phantoms in the ordinary layout, and with the traps of real copies."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest

from personalize.cohorts.development import development_people
from personalize.cohorts.features import rows_of_videos
from personalize.cohorts.joining import join
from personalize.cohorts.layout import READERS, read_cohort
from personalize.cohorts.unbc import CODED, POINTS
from personalize.phantom import cohort as cohort_module
from personalize.phantom import unbc_cohort
from personalize.phantom.cohort import write_cohort
from personalize.phantom.filming import enlarge
from personalize.phantom.scenarios import SCENARIOS
from personalize.signals.aus import au_rows
from pretrain.errors import UserError
from pretrain.footage.discover import discover
from pretrain.footage.video import VideoReader

FPS = 25


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The same people in both layouts, on pictures that are drawn by nobody."""
    root = tmp_path_factory.mktemp("layouts")
    extent = enlarge(SCENARIOS["shoulder"].default, participants=2, recordings=2, seconds=4.0, fps=5, size=32)
    rng = np.random.default_rng(0)

    def pictures(faces, size):
        return rng.integers(1, 255, (len(faces.seed), size, size, 3), dtype=np.uint8)

    def points(faces, size):
        return SimpleNamespace(landmarks=rng.uniform(0, size, (len(faces.seed), 68, 2)).astype(np.float32))

    with pytest.MonkeyPatch.context() as patch:  # compiling either takes longer than all the rest
        patch.setattr(cohort_module, "render", pictures)
        patch.setattr(unbc_cohort, "annotate", points)
        for layout in ("cohort", "unbc"):
            write_cohort(root / layout, scenario=SCENARIOS["shoulder"], extent=extent, seed=3, layout=layout)
    return root


@pytest.fixture
def archive(written, tmp_path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(written / "unbc", tmp_path / "unbc"))


def read(root: Path):
    return read_cohort(Path(f"unbc:{root}"))


def same(found, expected):
    pd.testing.assert_frame_equal(found.participants, expected.participants)
    pd.testing.assert_frame_equal(found.ratings, expected.ratings)
    assert list(found.recordings["recording"]) == list(expected.recordings["recording"])


def move(archive, old: str, new: str) -> None:
    (archive / new).parent.mkdir(parents=True, exist_ok=True)
    (archive / old).rename(archive / "moving")
    (archive / new).parent.mkdir(parents=True, exist_ok=True)
    (archive / "moving").rename(archive / new)


def test_the_same_ratings_and_codes_as_in_the_ordinary_layout(written):
    found, truth = read(written / "unbc"), read_cohort(written / "cohort")
    assert list(found.participants["participant"]) == ["sub-901", "sub-902"]
    assert len(found.recordings) == len(truth.recordings) == 4
    recorded = truth.recordings.to_dict("records")
    remaining = found.recordings.to_dict("records")
    for row in recorded:
        person = f"sub-9{row['participant'][-2:]}"
        rated = truth.ratings[truth.ratings["recording"] == row["recording"]]
        pspi = rated.loc[rated["scale"] == "pspi", "value"].astype(float).to_numpy()
        codes = pd.read_csv(written / "cohort" / row["aus"], sep="\t")
        (twin,) = [other for other in remaining if other["participant"] == person and matches(found, other, rated)]
        remaining.remove(twin)
        mine = found.ratings[found.ratings["recording"] == twin["recording"]]
        frames = mine[mine["scale"] == "pspi"]
        np.testing.assert_array_equal(frames["value"].astype(float), pspi)
        np.testing.assert_allclose(frames["onset"], np.arange(len(pspi)) / FPS)
        assert set(frames["duration"]) == {1 / FPS} and set(frames["rater"]) == {"coder"}
        whole = mine[mine["scale"] != "pspi"]
        assert set(whole["onset"]) == {0.0} and set(whole["duration"]) == {len(pspi) / FPS}
        units = found.read_table(found.root / twin["aus"])
        np.testing.assert_array_equal(units.filter([*CODED]), codes.filter([*CODED]))
        np.testing.assert_array_equal(units["onset"], frames["onset"])
    assert not remaining
    assert found.counts == {"frame_files_without_picture": 0, "pictures_without_pspi": 0}


def matches(found, recording, rated) -> bool:
    """Whether a recording has these ratings of the sequence."""
    mine = found.ratings[(found.ratings["recording"] == recording["recording"]) & (found.ratings["scale"] != "pspi")]
    said = rated[(rated["scale"] != "pspi") & rated["value"].notna()]
    return {s: float(v) for s, v in zip(mine["scale"], mine["value"], strict=True)} == {
        s: pytest.approx(float(v), abs=1e-5) for s, v in zip(said["scale"], said["value"], strict=True)
    }


def test_landmarks_are_a_table(written):
    found = read(written / "unbc")
    row = found.recordings.iloc[0]
    table = found.read_table(found.root / row["landmarks"])
    assert table.shape[1] == 1 + 2 * POINTS
    file = sorted((found.root / row["landmarks"]).iterdir())[3]
    np.testing.assert_allclose(table.iloc[3, 1:].to_numpy(float).reshape(POINTS, 2), np.loadtxt(file))


def test_clips_of_the_pictures_join_by_path_and_time(written):
    """`wince prepare` names and times the pictures: a row of a picture has the code of that picture."""
    found = read(written / "unbc")
    sources = {source.name: source.path for source in discover([written / "unbc"]).sources}
    assert sources.keys() == set(found.recordings["video"])
    black, parts = 0, []
    for name, path in sources.items():
        frames = [frame for frame in VideoReader(path) if frame.luma.max() > 20]  # no face in a black picture
        black += len(list(path.glob("*.png"))) - len(frames)
        t0 = np.array([frame.time for frame in frames])
        parts.append(pd.DataFrame({"source": name, "track": 0, "t0": t0, "t1": t0 + 1 / FPS}))
    assert black == unbc_cohort.BLACK[2]
    rows, seen = rows_of_videos(found, pd.concat(parts, ignore_index=True), Path("clips"))
    assert seen["videos_without_feature_rows"] == 0
    joined, _ = join(found, rows.filter(["participant", "recording", "track", "t0", "t1"]).assign(one=1.0), "pspi")
    assert joined.valid.all()
    for sequence in found.recordings.to_dict("records"):
        pictures = [int(p.stem[-3:]) for p in sorted((found.root / sequence["video"]).iterdir())]
        scores = {n: float(scored(found.root, sequence["video"], n).read_text()) for n in pictures}
        own = joined.recording == sequence["recording"]
        place = np.rint(joined.t0[own] * FPS).astype(int)
        np.testing.assert_array_equal(joined.y[own], [scores[pictures[i]] for i in place])


def scored(root, video, number) -> Path:
    sequence = Path(video).relative_to("Images")
    return root / "Frame_Labels/PSPI" / sequence / f"{sequence.name}{number:03d}_facs.txt"


def a_frame(archive) -> tuple[Path, Path]:
    """The fourth picture of a sequence, and its PSPI."""
    picture = sorted(next(d for d in sorted(archive.glob("Images/*/*"))).iterdir())[3]
    return picture, scored(archive, picture.parent.relative_to(archive), int(picture.stem[-3:]))


TRAPS = {
    "doubled folders": [("Images", "Images/Images"), ("Frame_Labels", "Frame_Labels/Frame_Labels")],
    "nested in the wrong place": [("Frame_Labels", "Sequence_Labels/Frame_Labels")],
    "letter case": [
        ("Images", "images"),
        ("Frame_Labels/PSPI", "Frame_Labels/pspi"),
        ("AAM_landmarks", "aam_landmarks"),
    ],
    "a folder around all": [("Images", "set/Images"), ("Frame_Labels", "set/Frame_Labels")],
}


@pytest.mark.parametrize("moves", TRAPS.values(), ids=TRAPS)
def test_folders_of_other_copies(written, archive, moves):
    for old, new in moves:
        move(archive, old, new)
    found, usual = read(archive), read(written / "unbc")
    same(found, usual)
    assert {s.name for s in discover([archive]).sources} == set(found.recordings["video"])
    pd.testing.assert_frame_equal(au_rows(found)[0], au_rows(usual)[0])


def test_hidden_and_other_files_are_ignored(written, archive):
    picture, score = a_frame(archive)
    for file in (picture.with_name(".DS_Store"), score.with_name("._" + score.name), picture.with_name("Thumbs.db")):
        file.write_bytes(b"\0")
    (archive / "__MACOSX/Images/901-aa901/x").mkdir(parents=True)
    same(read(archive), read(written / "unbc"))


def test_parts_that_a_copy_lacks(written, archive):
    usual = read(written / "unbc")
    shutil.rmtree(archive / "Sequence_Labels")
    shutil.rmtree(archive / "AAM_landmarks")
    found = read(archive)
    assert set(found.ratings["scale"]) == {"pspi"} and set(found.recordings["landmarks"]) == {""}
    shutil.rmtree(archive / "Images")
    assert set(read(archive).recordings["video"]) == {""}
    pd.testing.assert_frame_equal(read(archive).ratings, found.ratings)
    assert len(found.ratings) == (usual.ratings["scale"] == "pspi").sum()


def test_codes_belong_to_pictures_by_their_number(written, archive):
    """A lost code, and a lost picture, which moves what follows it forward in time, as in the clips."""
    usual, first = read(written / "unbc"), read(archive).recordings["recording"][0]
    picture, score = a_frame(archive)
    score.unlink()
    found = read(archive)
    assert found.counts == {"frame_files_without_picture": 0, "pictures_without_pspi": 1}
    mine, all_ = (c.ratings[(c.ratings["recording"] == first) & (c.ratings["scale"] == "pspi")] for c in (found, usual))
    np.testing.assert_array_equal(mine["onset"], np.delete(all_["onset"].to_numpy(), 3))
    np.testing.assert_array_equal(mine["value"], np.delete(all_["value"].to_numpy(), 3))
    picture.unlink()
    found = read(archive)
    assert found.counts == {"frame_files_without_picture": 2, "pictures_without_pspi": 0}  # FACS and landmarks
    moved = found.ratings[(found.ratings["recording"] == first) & (found.ratings["scale"] == "pspi")]
    np.testing.assert_array_equal(moved["value"], mine["value"])
    np.testing.assert_array_equal(moved["onset"], all_["onset"][:-1])
    times = [frame.time for frame in VideoReader(picture.parent)]
    np.testing.assert_allclose(moved["onset"], times)
    assert join(found, au_rows(found)[0], "pspi")[1]["frame_files_without_picture"] == 2


def test_only_chosen_people_have_their_ratings_opened(archive):
    whose = "901-aa901"
    for file in (*archive.glob(f"Frame_Labels/PSPI/{whose}/*/*"), *archive.glob(f"Sequence_Labels/*/{whose}/*")):
        file.write_text("secret")
    found = read_cohort(Path(f"unbc:{archive}"), lambda cohort: frozenset({"sub-902"}))
    assert set(found.ratings["participant"]) == {"sub-902"} == set(found.recordings["participant"])
    with pytest.raises(UserError, match="not lines of numbers"):
        read(archive)


def break_pspi(archive, text):
    a_frame(archive)[1].write_text(text)


def break_facs(archive, text):
    next(archive.glob("Frame_Labels/FACS/*/*/*")).write_text(text)


FAULTS = {
    "two numbers": (lambda a: break_pspi(a, "1 2"), "2 numbers where one is expected"),
    "empty": (lambda a: break_pspi(a, ""), "0 numbers where one"),
    "beyond the scale": (lambda a: break_pspi(a, "17"), "17 is not on its scale, which goes from 0 to 16"),
    "no answer": (lambda a: break_pspi(a, "nan"), "nan is not on its scale"),
    "words": (lambda a: break_pspi(a, "none"), "not lines of numbers"),
    "intensity": (lambda a: break_facs(a, "4 6 0 0"), "action unit and an intensity from 0 to 5"),
    "no unit": (lambda a: break_facs(a, "nan 1 0 0"), "does not begin with an action unit"),
    "stray frame": (
        lambda a: a_frame(a)[1].rename(a_frame(a)[1].with_name("x001_facs.txt")),
        "not called like a frame",
    ),
    "frame twice": (lambda a: shutil.copy(a_frame(a)[0], a_frame(a)[0].with_suffix(".jpg")), "are both frame"),
    "sequence of another": (
        lambda a: next(a.glob("Images/901-aa901/*")).rename(a / "Images/901-aa901/ab902t1aaaff"),
        "a sequence of ab902 among those of aa901",
    ),
    "odd person": (lambda a: (a / "Images/somebody").mkdir(), "Images/somebody: not called like a participant"),
    "number twice": (lambda a: (a / "Images/901-zz901").mkdir(), "zz901 has the number of aa901"),
    "part twice": (lambda a: shutil.copytree(a / "Images", a / "set/Images"), "are both the video of"),
    "points": (lambda a: next(a.glob("AAM_landmarks/*/*/*")).write_text("1 2\n"), "not 66 lines of x and y"),
    "folder of ratings": (lambda a: (a / "Sequence_Labels/VAS/901-aa901/x").mkdir(), "where files such as"),
}


@pytest.mark.parametrize(("fault", "words"), FAULTS.values(), ids=FAULTS)
def test_what_is_not_understood_is_refused_by_name(archive, fault, words):
    fault(archive)
    with pytest.raises(UserError, match=words):
        found = read(archive)
        for row in found.recordings.to_dict("records"):
            found.read_table(found.root / row["landmarks"])
        au_rows(found)


def test_folders_without_an_archive_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing of UNBC-McMaster there"):
        read(tmp_path)
    with pytest.raises(UserError, match="no archive at"):
        read(tmp_path / "nowhere")
    assert READERS.keys() == {"unbc"}


def test_development_people_and_names_hold_no_initials(written):
    found = read(written / "unbc")
    assert all(name.startswith("sub-90") for name in found.recordings["recording"])
    assert not found.recordings["recording"].str.contains("aa901|ab902").any()
    with pytest.raises(UserError, match="hashed fifth"):
        development_people(found)


def test_black_pictures_are_there(written):
    black = [p for p in (written / "unbc/Images").rglob("*.png") if not cv2.imread(str(p)).any()]
    assert len(black) == unbc_cohort.BLACK[2]
