"""The UNBC-McMaster layout, read back by a small reader made from its description alone."""

import re
import stat

import cv2
import numpy as np
import pytest

from personalize.phantom.face.facs import AUS
from personalize.phantom.unbc import LARGEST, Sequence, participant_folder, sequence_name, write_sequence

GRAMMAR = re.compile(r"^([a-z]{2})(\d{3})t([12])a([aefi])(aff|unaff)$")
FLOAT = re.compile(r"^-?\d\.\d+e[+-]\d\d$")
RATINGS = {"VAS": 5.5, "SEN": 8.0, "AFF": 7.25, "OPR": 3.0}


def made(n=4, seed=0, **changes):
    """A sequence of random content; the last frame shows nothing."""
    rng = np.random.default_rng(seed)
    aus = np.round(rng.uniform(0, 5, (n, len(AUS)))) * (rng.uniform(size=(n, len(AUS))) < 0.6)
    aus[:, AUS.index("AU43")] = np.arange(n) % 2
    aus[-1] = 0
    frames = rng.integers(0, 256, (n, 24, 32, 3), np.uint8)
    landmarks = rng.uniform(0, 32, (n, 68, 2)).astype(np.float32)
    return Sequence(7, 1, "f", True, frames, aus, landmarks, RATINGS)._replace(**changes)


def parts(name):
    """Initials, id, test, movement and side of a sequence's name."""
    match = GRAMMAR.match(name)
    assert match, name
    return match.groups()


def picture_of(path):
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[..., ::-1]


def numbers(path):
    rows = [line.split() for line in path.read_text().splitlines()]
    assert all(FLOAT.match(field) for row in rows for field in row), path
    return [[float(field) for field in row] for row in rows]


def read(root):
    """{sequence: {stem: (RGB picture, landmarks, PSPI, {AU: intensity})}} and {sequence: ratings}."""
    frames, ratings = {}, {}
    for picture in root.glob("Images/*/*/*.png"):
        person, sequence, stem = *picture.parts[-3:-1], picture.stem
        ii, number = parts(sequence)[:2]
        assert person == f"{number}-{ii}{number}" and re.fullmatch(re.escape(sequence) + r"\d{3}", stem)
        inside = f"{person}/{sequence}/{stem}"
        [[score]] = numbers(root / f"Frame_Labels/PSPI/{inside}_facs.txt")
        units = {int(row[0]): row[1] for row in numbers(root / f"Frame_Labels/FACS/{inside}_facs.txt")}
        points = np.array(numbers(root / f"AAM_landmarks/{inside}_aam.txt"))
        frames.setdefault(sequence, {})[stem] = (picture_of(picture), points, score, units)
        files = root.glob(f"Sequence_Labels/*/{person}/{sequence}.txt")
        ratings[sequence] = {file.parts[-3]: numbers(file)[0][0] for file in files}
    return frames, ratings


def test_everything_reads_back(tmp_path):
    sequence = made()
    write_sequence(tmp_path, sequence, first_frame=8)
    frames, ratings = read(tmp_path)
    assert ratings == {"ag907t1afaff": RATINGS}
    assert sorted(frames["ag907t1afaff"]) == [f"ag907t1afaff{i:03d}" for i in (8, 9, 10, 11)]
    corners = [60, 64]
    for i, stem in enumerate(sorted(frames["ag907t1afaff"])):
        picture, points, _, units = frames["ag907t1afaff"][stem]
        np.testing.assert_array_equal(picture, sequence.frames[i])
        assert points.shape == (66, 2)
        np.testing.assert_allclose(points, np.delete(sequence.landmarks[i], corners, 0), rtol=1e-6)
        coded = {int(n[2:]): v for n, v in zip(AUS, sequence.aus[i], strict=True) if v > 0}
        assert units == {au: v for au, v in coded.items() if au in (4, 6, 7, 9, 10, 12, 20, 25, 26, 27, 43)}
    assert sum(1 for f in tmp_path.rglob("*") if f.is_file()) == 4 * 4 + 4


def test_pspi_follows_from_the_facs_files(tmp_path):
    write_sequence(tmp_path, made(n=20, seed=1))
    for _, _, score, au in read(tmp_path)[0]["ag907t1afaff"].values():
        a = {k: au.get(k, 0.0) for k in (4, 6, 7, 9, 10, 43)}
        assert score == a[4] + max(a[6], a[7]) + max(a[9], a[10]) + a[43]


def test_a_face_that_shows_nothing_has_an_empty_facs_file(tmp_path):
    write_sequence(tmp_path, made())
    stem = "907-ag907/ag907t1afaff/ag907t1afaff004_facs.txt"
    assert (tmp_path / "Frame_Labels/FACS" / stem).read_bytes() == b""
    assert float((tmp_path / "Frame_Labels/PSPI" / stem).read_text()) == 0


def test_black_pictures_are_kept(tmp_path):
    sequence = made()
    sequence.frames[1] = 0
    write_sequence(tmp_path, sequence)
    black = [not picture.any() for picture, *_ in (v for _, v in sorted(read(tmp_path)[0]["ag907t1afaff"].items()))]
    assert black == [False, True, False, False]


def test_a_question_without_answer_has_no_file(tmp_path):
    write_sequence(tmp_path, made(ratings={**RATINGS, "VAS": np.nan}))
    assert read(tmp_path)[1]["ag907t1afaff"].keys() == {"SEN", "AFF", "OPR"}


def test_ids_are_unique_and_nobodys():
    folders = [participant_folder(n) for n in range(1, LARGEST + 1)]
    assert folders[0] == "901-aa901" and len(set(folders)) == LARGEST
    assert len({f[4:6] for f in folders}) == LARGEST
    assert all(re.fullmatch(r"9(?!00)(\d\d)-[a-z]{2}9\1", f) for f in folders)


def test_names_are_unique_and_of_the_grammar():
    ways = [(p, t, m, a) for p in (1, 60) for t in (1, 2) for m in "aefi" for a in (True, False)]
    names = [sequence_name(*way) for way in ways]
    assert len(set(names)) == len(ways)
    for (p, t, m, a), name in zip(ways, names, strict=True):
        expected = (str(900 + p), str(t), m, "aff" if a else "unaff")
        assert parts(name)[1:] == expected


def test_the_same_name_twice_is_refused_and_others_go_beside(tmp_path):
    write_sequence(tmp_path, made())
    before = {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()}
    with pytest.raises(ValueError, match="ag907t1afaff is written already"):
        write_sequence(tmp_path, made(seed=5), first_frame=300)
    assert {f: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()} == before
    write_sequence(tmp_path, made(affected=False))
    assert read(tmp_path)[0].keys() == {"ag907t1afaff", "ag907t1afunaff"}


@pytest.mark.parametrize(
    ("changes", "first", "words"),
    [
        ({"participant": 0}, 1, "participant 0"),
        ({"participant": 100}, 1, "participant 100"),
        ({"test": 3}, 1, "test 3"),
        ({"movement": "x"}, 1, "movement 'x'"),
        ({"ratings": {"VAS": 1.0}}, 1, "ratings"),
        ({"aus": np.zeros((3, 19))}, 1, "3 rows of AUs"),
        ({}, 997, "three digits"),
    ],
)
def test_what_the_layout_cannot_hold_is_refused_before_anything_is_written(tmp_path, changes, first, words):
    with pytest.raises(ValueError, match=words):
        write_sequence(tmp_path, made(**changes), first)
    assert not list(tmp_path.iterdir())


def test_folders_are_the_owners_alone(tmp_path):
    write_sequence(tmp_path / "unbc", made())
    folders = [f for f in tmp_path.rglob("*") if f.is_dir()]
    assert len(folders) > 10
    assert {stat.S_IMODE(f.stat().st_mode) for f in folders} == {0o700}
