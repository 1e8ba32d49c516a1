"""The extra face-alignment: what is refused before anything is loaded, and, with the extra, a run on random weights."""

import importlib.util
import json
import pickle
import socket
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.prepare import prepare
from pretrain.errors import UserError
from pretrain.footage import fan
from pretrain.footage.faces import FaceFinder
from pretrain.footage.finders import make_finder
from tests.support.filmed import plain, write_film

HAS_EXTRA = importlib.util.find_spec("face_alignment") is not None
with_extra = pytest.mark.skipif(not HAS_EXTRA, reason="face-alignment (an optional extra) is not installed")


@pytest.fixture
def pretended(monkeypatch):
    """The extra seems to be there, but importing anything of it is an error."""

    def refuse(name, *args):
        raise AssertionError(f"{name} was imported before the files were checked")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *args: object())
    monkeypatch.setattr(importlib, "import_module", refuse)


def _touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


# What needs no extra


def test_the_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *args: None)
    with pytest.raises(UserError, match=r"pip install 'wince\[face-alignment\]'"):
        make_finder("face-alignment", tmp_path)


def test_a_missing_folder_is_named_with_what_it_should_hold(pretended, tmp_path):
    with pytest.raises(UserError, match=r"no such folder.*s3fd-619a316812\.pth and 2DFAN4-11f355bf06\.pth\.tar"):
        make_finder("face-alignment", tmp_path / "nowhere")


@pytest.mark.parametrize("below", [".", "hub/checkpoints"])
@pytest.mark.parametrize("missing", fan.WEIGHT_FILES)
def test_each_missing_file_is_named_with_its_place(pretended, tmp_path, missing, below):
    place = tmp_path / below
    _touch(place, *(set(fan.WEIGHT_FILES) - {missing}))
    with pytest.raises(UserError) as caught:
        make_finder("face-alignment", tmp_path)
    assert str(place / missing) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_there_are_found_in_either_place(tmp_path):
    _touch(tmp_path, *fan.WEIGHT_FILES)
    assert fan.weight_place(tmp_path) == tmp_path
    _touch(tmp_path / "hub/checkpoints", *fan.WEIGHT_FILES)
    assert fan.weight_place(tmp_path) == tmp_path / "hub/checkpoints"


def test_nothing_of_torch_is_imported_before_the_check(tmp_path):
    code = (
        "import sys; from pathlib import Path\n"
        "from pretrain.errors import UserError\n"
        "from pretrain.footage.finders import make_finder\n"
        "try: make_finder('face-alignment', Path(sys.argv[1]))\n"
        "except UserError: pass\n"
        "heavy = {'torch', 'face_alignment', 'numba', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--faces", "face-alignment"], "'face-alignment' needs --face-weights FOLDER"),
        (["--faces", "face-alignment", "--face-weights", "nowhere"], "nowhere" if HAS_EXTRA else "pip install"),
        (["--face-weights", "weights"], "'nets' takes none"),
        (["--faces", "face-alignement"], "did you mean 'face-alignment'?"),
    ],
)
def test_mistakes_are_one_line_and_exit_2_before_any_work(capsys, tmp_path, monkeypatch, words, says):
    monkeypatch.chdir(tmp_path)
    assert main(["prepare", "film.mp4", "--out", "clips", *words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_five_points_are_taken_from_the_landmarks():
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[36:42] = [[10, 20], [12, 18], [14, 18], [16, 20], [14, 22], [12, 22]]
    landmarks[42:48] = landmarks[36:42] + np.float32([20, 0])
    landmarks[[30, 48, 54]] = [[23, 30], [16, 40], [30, 41]]
    assert fan.five_points(landmarks).tolist() == [[13, 20], [33, 20], [23, 30], [16, 40], [30, 41]]


# With the extra: the package's own networks, with random weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with random weights under both names; the detector's biases make it see faces of about 128 px anywhere.

    Without these biases, whether it sees none or thousands would be chance.
    """
    torch = pytest.importorskip("torch")
    from face_alignment.detection.sfd.net_s3fd import s3fd
    from face_alignment.models import FAN

    torch.manual_seed(0)
    detector = s3fd()
    for name, part in detector.named_children():
        if name.endswith("_conf"):
            part.bias.data[:] = 20.0  # no face ...
            part.bias.data[-1] = 25.0 if name == "fc7_mbox_conf" else -20.0  # ... but at the stride of 32 px
    folder = tmp_path_factory.mktemp("weights")
    torch.save(detector.state_dict(), folder / fan.DETECTOR_FILE)
    torch.save(FAN(4).state_dict(), folder / fan.LANDMARK_FILE)
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Any socket is an error, which goes further than what the tests share."""

    def refuse(*args, **options):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module")
def finder(weights):
    return fan.face_alignment_finder(weights)


def _noise(height, width):
    return np.random.default_rng(1).integers(0, 255, (height, width), np.uint8)


@with_extra
@pytest.mark.slow
def test_random_weights_give_68_points_with_the_network_closed(weights, no_network):
    finder = make_finder("face-alignment", weights)
    assert isinstance(finder, FaceFinder)
    faces = finder(_noise(120, 160))
    assert faces
    assert [f.score for f in faces] == sorted((f.score for f in faces), reverse=True)
    for face in faces:
        x0, y0, x1, y1 = face.box
        assert x1 - x0 == pytest.approx(y1 - y0)
        assert 100 < x1 - x0 < 160
        assert 0 <= x0 + x1 < 320
        assert 0 <= y0 + y1 < 240
        assert (face.landmarks.shape, face.points.shape, face.confidence.shape) == ((68, 2), (5, 2), (68,))
        assert {a.dtype for a in (face.landmarks, face.points, face.confidence)} == {np.dtype(np.float32)}
        assert np.isfinite(face.landmarks).all()
        assert 0 <= face.confidence.min() <= face.confidence.max() <= 1
        assert np.array_equal(face.points, fan.five_points(face.landmarks))
    assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(faces, finder(_noise(120, 160)), strict=True))


@with_extra
def test_only_plane_networks_and_no_surprises(finder):
    aligner = finder._aligner
    assert (aligner.device, aligner.flip_input, int(aligner.landmarks_type)) == ("cpu", False, 1)
    assert not hasattr(aligner, "depth_prediciton_net")  # the package spells it so
    assert type(aligner.face_alignment_net).__name__ == "FAN"  # not compiled
    assert type(aligner.face_detector).__name__ == "SFDDetector"


@with_extra
def test_a_picture_without_a_face_gives_none_and_no_warning(finder, monkeypatch):
    monkeypatch.setattr(finder._aligner.face_detector, "filter_threshold", 2.0)
    assert finder(_noise(40, 60)) == []


@with_extra
def test_boxes_of_no_size_or_outside_the_picture_are_left_out(finder, monkeypatch):
    found = [[10, 10, 40, 50, 0.9], [10, 10, 13, 50, 0.9], [-90, 10, 20, 50, 0.8], [50, 30, 90, 70, 0.7]]
    monkeypatch.setattr(finder._aligner.face_detector, "detect_from_image", lambda picture: np.array(found))
    (face,) = finder(_noise(40, 60))
    assert face.box == (5, 10, 45, 50)


@with_extra
def test_large_pictures_are_shrunk_for_the_detector_only(finder, monkeypatch):
    shapes = []

    def detect(picture):
        shapes.append(picture.shape)
        return [np.array([100, 50, 140, 100, 0.9])]

    monkeypatch.setattr(finder._aligner.face_detector, "detect_from_image", detect)
    (face,) = finder(_noise(720, 1280))
    assert shapes == [(360, 640, 3)]
    assert face.box == (190, 100, 290, 200)


@with_extra
@pytest.mark.parametrize("side", [60.0, 130.0])
def test_landmarks_count_from_the_centre_of_the_upper_left_pixel(finder, monkeypatch, side):
    """In place of FAN, a network that marks the brightest place: on average it may not be off by half a pixel."""
    import torch

    class Brightest(torch.nn.Module):
        def forward(self, crops):
            return torch.nn.functional.avg_pool2d(crops[:, :1], 4).repeat(1, 68, 1, 1)

    monkeypatch.setattr(finder._aligner, "face_alignment_net", Brightest())
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:400, :400]
    off = []
    for spot in rng.uniform(180, 220, (60, 2)):
        picture = 250 * np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / (2 * (side / 20) ** 2))
        box = np.array([[*(rng.uniform(195, 205, 2) - side / 2), 0, 0, 0.9]])
        box[0, 2:4] = box[0, :2] + side
        monkeypatch.setattr(finder._aligner.face_detector, "detect_from_image", lambda picture, box=box: box)
        (face,) = finder(picture.astype(np.uint8))
        off.append(face.landmarks[0] - spot)
        assert face.confidence.max() > 0.8
    assert np.abs(np.mean(off, axis=0)).max() < 0.5
    assert np.abs(off).max() < 1 + side / 64  # half a pixel of the heatmap is side / 64


@with_extra
@pytest.mark.parametrize("name", fan.WEIGHT_FILES)
@pytest.mark.parametrize("content", [b"", b"<html>404</html>", pickle.dumps(print)])
def test_files_that_are_no_weights_are_refused_and_named(weights, tmp_path, name, content):
    for file in weights.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        make_finder("face-alignment", tmp_path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@with_extra
def test_weights_of_another_network_are_refused(weights, tmp_path):
    for name in fan.WEIGHT_FILES:
        (tmp_path / name).symlink_to(weights / fan.LANDMARK_FILE)
    with pytest.raises(UserError, match="do not fit"):
        make_finder("face-alignment", tmp_path)


@with_extra
def test_while_loading_nothing_is_unpickled_and_nothing_downloaded(tmp_path):
    import face_alignment.api
    import torch
    from face_alignment.detection.sfd import sfd_detector

    before = (torch.load, torch.hub.urlopen, face_alignment.api.load_file_from_url)
    (tmp_path / "pickle").write_bytes(pickle.dumps(print))
    (tmp_path / "cache").mkdir()
    place = "https://example.org/a/2DFAN4-11f355bf06.pth.tar?x"
    with fan._only_from(tmp_path, torch, face_alignment.api):
        assert face_alignment.api.load_file_from_url(place) == str(tmp_path / fan.LANDMARK_FILE)
        with pytest.raises(UserError, match="cannot be loaded as weights"):
            torch.load(tmp_path / "pickle", weights_only=False)
        with pytest.raises(UserError, match=r"wants to download https://example\.org/a"):
            sfd_detector.load_state_dict_from_url(place, model_dir=str(tmp_path / "cache"))
    assert (torch.load, torch.hub.urlopen, face_alignment.api.load_file_from_url) == before
    assert before[1] is urllib.request.urlopen


@with_extra
@pytest.mark.slow
def test_prepare_runs_in_workers_and_records_the_folder(weights, tmp_path):
    write_film(tmp_path / "film.mp4", plain(4, 120, 160))
    options = {"faces": "face-alignment", "face_weights": weights, "size": 48, "workers": 1}
    assert prepare([tmp_path / "film.mp4"], tmp_path / "clips", **options) == 0
    config = json.loads((tmp_path / "clips/config.json").read_text())
    assert (config["faces"], config["face_weights"]) == ("face-alignment", str(weights))
