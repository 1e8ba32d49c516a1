"""The script that trains the face nets: what its losses ask for, and that the same command gives the same file."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from pretrain.footage.face_nets.detector import STRIDE, TYPICAL, Detections, Detector
from pretrain.footage.face_nets.landmarker import MARGIN, POINTS, SIDE, Landmarks, grid
from pretrain.footage.face_nets.weights import unpacked

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "train_face_nets.py"


@pytest.fixture(scope="module")
def script():
    flags = os.environ.get("XLA_FLAGS")
    spec = importlib.util.spec_from_file_location("train_face_nets", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    os.environ.pop("XLA_FLAGS") if flags is None else os.environ.update(XLA_FLAGS=flags)
    return module


def _said(faces, cells=12):
    """What a perfect detector says of one scene."""
    face = np.full((1, cells, cells), -20.0, np.float32)
    box, turn = np.zeros((1, cells, cells, 3), np.float32), np.zeros((1, cells, cells, 2), np.float32)
    for row in range(cells):
        for column in range(cells):
            for x, y, width, roll, _ in faces:
                dx, dy = x - (column + 0.5) * STRIDE, y - (row + 0.5) * STRIDE
                if max(abs(dx), abs(dy)) < max(0.16 * width, 0.51 * STRIDE):
                    face[0, row, column] = 20
                    box[0, row, column] = dx / TYPICAL, dy / TYPICAL, np.log(width / TYPICAL)
                    turn[0, row, column] = np.cos(roll), np.sin(roll)
    return Detections(jnp.asarray(face), jnp.asarray(box), jnp.asarray(turn))


def _judged(script, said, faces):
    batch = np.zeros((1, 6, 5), np.float32)
    batch[0, : len(faces)] = np.reshape(faces, (-1, 5))
    loss, figures = script.detector_loss(lambda pictures: said, jnp.zeros((1, 96, 96)), jnp.asarray(batch))
    return float(loss), {name: float(value) for name, value in figures.items()}


FACES = [(30.0, 40.0, 24.0, 0.2, 1.0), (70.0, 66.0, 36.0, -0.5, 0.9)]


def test_the_detector_that_is_right_has_nothing_to_learn(script):
    loss, figures = _judged(script, _said(FACES), FACES)
    assert loss < 0.03
    assert figures["hits"] == pytest.approx(1) and figures["false"] == 0
    assert figures["away"] == pytest.approx(0.01, abs=1e-3) and figures["askew"] == pytest.approx(0.01, abs=1e-3)


def test_the_detector_pays_for_what_it_misses_invents_or_misplaces(script):
    right, _ = _judged(script, _said(FACES), FACES)
    missed, figures = _judged(script, _said(FACES[:1]), FACES)
    assert missed > right + 1 and figures["hits"] < 0.7
    invented, figures = _judged(script, _said(FACES), FACES[:1])
    assert invented > right + 1 and figures["false"] > 0
    turned = [(x, y, w, r + 1.0, s) for x, y, w, r, s in FACES]
    assert _judged(script, _said(turned), FACES)[0] > right + 0.1


def test_faces_at_the_edge_of_the_task_are_neither_asked_for_nor_forbidden(script):
    """Too small, too large, half hidden."""
    nothing, _ = _judged(script, _said([]), [])
    for doubtful in ((40.0, 40.0, 15.0, 0.0, 1.0), (40.0, 40.0, 50.0, 0.0, 1.0), (40.0, 40.0, 30.0, 0.0, 0.4)):
        asked, _ = _judged(script, _said([]), [doubtful])
        shown, figures = _judged(script, _said([doubtful]), [doubtful])
        assert asked == pytest.approx(nothing, abs=1e-4)
        assert shown < nothing + 0.02 and figures["false"] == 0


def test_the_landmark_net_learns_places_of_faces_only(script):
    rng = np.random.default_rng(0)
    points = rng.uniform(0.25 * SIDE, 0.75 * SIDE, (2, POINTS, 2)).astype(np.float32)
    truth = (points - (SIDE - 1) / 2) * (MARGIN / SIDE)

    def judged(places, face=(20.0, -20.0)):
        away = (
            (grid(24)[:, None, None] - places[:, None, :, 1][:, None]) ** 2,
            (grid(24) - places[..., 0][..., None]) ** 2,
        )
        maps = (
            -0.5 * (away[0].reshape(2, 24, 1, POINTS) + np.moveaxis(away[1], 2, 1)[:, None]) / (0.7 * MARGIN / 24) ** 2
        )
        said = Landmarks(
            jnp.asarray(places),
            jnp.full((2, POINTS), -5.0),
            jnp.asarray(face),
            jnp.zeros((2, POINTS)),
            jnp.asarray(maps),
        )
        batch = (jnp.asarray(points), jnp.ones((2, POINTS), bool), jnp.array([True, False]))
        loss, figures = script.landmark_loss(lambda crops: said, jnp.zeros((2, SIDE, SIDE)), *batch)
        return float(loss), {name: float(value) for name, value in figures.items()}

    right, figures = judged(truth)
    assert figures["away"] < 0.004 and figures["five"] < 0.004 and figures["right"] == 1
    elsewhere = truth.copy()
    elsewhere[1] += 0.3  # where no face is, places mean nothing
    assert judged(elsewhere)[0] == pytest.approx(right, abs=1e-5)
    elsewhere[0] += 0.1
    wrong, figures = judged(elsewhere)
    assert wrong > right + 1 and figures["away"] == pytest.approx(0.1 * np.sqrt(2), abs=0.01)
    assert judged(truth, (-20.0, 20.0))[0] > right + 5


@pytest.mark.long
def test_the_same_command_gives_the_same_file(tmp_path):
    def trained(name, *more):
        command = [sys.executable, SCRIPT, "detector", "--people", "6", "--steps", "2", "--out", tmp_path / name, *more]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=True)
        assert "other phantoms" in done.stdout
        return (tmp_path / name).read_bytes()

    once, again, other = trained("a"), trained("b"), trained("c", "--seed", "1")
    assert once == again != other
    assert unpacked(lambda rngs: Detector(rngs=rngs), once) is not None
