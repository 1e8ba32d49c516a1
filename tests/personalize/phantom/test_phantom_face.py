"""The renderer: same input, same pixels; every action unit is seen, where it should be; finders see a face."""

import cv2
import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalize.phantom import ALIKE, AUS, Face, Scene, View, pspi, render, sample_camera, sample_person
from personalize.phantom.parameters import INDEX, MAXIMUM

SCALE = 0.74
REGIONS = {  # left, right, bottom, top in head units (the head is 2 high): where a unit may change the face
    "AU01": (-0.55, 0.55, 0.00, 0.70),
    "AU02": (-0.62, 0.62, 0.00, 0.70),
    "AU04": (-0.60, 0.60, -0.05, 0.50),
    "AU06": (-0.70, 0.70, -0.55, 0.45),
    "AU07": (-0.55, 0.55, -0.25, 0.25),
    "AU09": (-0.60, 0.60, -0.85, 0.45),
    "AU10": (-0.45, 0.45, -0.85, -0.10),
    "AU12": (-0.75, 0.75, -0.85, 0.15),
    "AU20": (-0.50, 0.50, -0.85, -0.15),
    "AU26": (-0.85, 0.85, -1.40, -0.15),
    "AU43": (-0.55, 0.55, -0.20, 0.25),
}


def plain(aus: np.ndarray, **view: float) -> Face:
    """The average person, straight ahead, without noise: one face per row of `aus`."""
    n = len(aus)
    straight = {**dict.fromkeys(View._fields, 0.0), "scale": SCALE, **view}
    scene = Scene(
        light=np.float32([0.2, 0.4, 1]),
        light_color=np.float32([1, 1, 1]),
        ambient=np.float32(0.5),
        exposure=np.float32(1),
        noise=np.float32(0),
        shirt=np.float32([0.2, 0.3, 0.5]),
        background=np.full((5, 5, 3), 0.4, np.float32),
    )
    looks = sample_person(0, ALIKE).looks
    one = Face(looks, np.zeros(len(AUS)), View(**straight), scene, np.int32(0))
    batch = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, 0), one)
    return batch._replace(aus=np.asarray(aus, np.float32))


def grey(pictures: np.ndarray) -> np.ndarray:
    return pictures.astype(float).mean(-1)


@pytest.fixture(scope="module")
def units() -> tuple[np.ndarray, np.ndarray]:
    """The face at rest, and with each unit alone at its maximum, grey, 128 pixels."""
    pictures = grey(render(plain(np.concatenate([np.zeros((1, len(AUS))), np.diag(MAXIMUM)])), 128))
    return pictures[0], pictures[1:]


def box(size: int, region: tuple[float, ...]) -> np.ndarray:
    at = (np.arange(size) + 0.5) * 2 / size - 1
    x, y = np.meshgrid(at / SCALE, -at / SCALE)
    left, right, bottom, top = region
    return (x > left) & (x < right) & (y > bottom) & (y < top)


@pytest.mark.parametrize("unit", AUS)
def test_each_unit_is_seen_where_it_belongs(unit, units):
    rest, moved = units
    change = np.abs(moved[INDEX[unit]] - rest)
    inside = box(128, REGIONS[unit])
    assert change[inside].max() > 30, "a change that no eye would notice"
    assert (change[inside] > 15).sum() > 40, "only some pixels change"
    assert change[inside].sum() > 0.95 * change.sum(), "changes the face elsewhere"


def test_no_two_units_look_the_same(units):
    rest, moved = units
    change = (moved - rest).reshape(len(AUS), -1)
    change /= np.linalg.norm(change, axis=1, keepdims=True)
    alike = change @ change.T - np.eye(len(AUS))
    assert alike.max() < 0.75


@pytest.mark.parametrize("unit", AUS)
def test_more_of_a_unit_changes_more(unit):
    rows = np.zeros((4, len(AUS)))
    rows[:, INDEX[unit]] = MAXIMUM[INDEX[unit]] * np.array([0, 0.2, 0.6, 1])
    pictures = grey(render(plain(rows), 128))
    change = [np.abs(p - pictures[0]).sum() for p in pictures]
    assert 0 < change[1] < change[2] < change[3]


def test_same_faces_same_pixels_wherever_they_are_in_the_batch():
    rng = np.random.default_rng(0)
    faces = plain(rng.uniform(0, 1, (21, len(AUS))))
    faces = faces._replace(
        seed=np.arange(21, dtype=np.int32), scene=faces.scene._replace(noise=np.full(21, 0.02, np.float32))
    )
    everyone = render(faces, 64)
    np.testing.assert_array_equal(everyone, render(faces, 64))
    np.testing.assert_array_equal(everyone[17:19], render(jax.tree.map(lambda x: x[17:19], faces), 64))


def test_noise_comes_from_the_seed_and_has_the_stated_strength():
    faces = plain(np.zeros((2, len(AUS))))
    noisy = faces._replace(seed=np.int32([3, 4]), scene=faces.scene._replace(noise=np.float32([0.04, 0.04])))
    clean, a, b = grey(render(faces, 128))[0], *grey(render(noisy, 128))
    assert np.std(a - clean) / 255 == pytest.approx(0.04, rel=0.05)
    assert abs(np.corrcoef((a - clean).ravel(), (b - clean).ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("size", [32, 97, 224])
def test_any_size(size):
    picture = render(plain(np.zeros((1, len(AUS)))), size)[0]
    assert picture.shape == (size, size, 3)
    small = cv2.resize(render(plain(np.zeros((1, len(AUS)))), 128)[0], (32, 32), interpolation=cv2.INTER_AREA)
    same = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - same).mean() < 8


def test_a_symmetric_face_mirrors():
    faces = plain(np.zeros((2, len(AUS))))
    looks = faces.looks._replace(texture=np.zeros(2, np.float32))
    light = np.float32([[0.5, 0.4, 1], [-0.5, 0.4, 1]])
    view = faces.view._replace(yaw=np.float32([0.3, -0.3]), gaze_x=np.float32([0.4, -0.4]), x=np.float32([0.1, -0.1]))
    left, right = grey(render(Face(looks, faces.aus, view, faces.scene._replace(light=light), faces.seed), 128))
    different = np.abs(left - right[:, ::-1])
    inside = different[24:104]
    assert np.median(inside) < 1.5  # strands of hair and folds of the shirt are not symmetric


def test_turning_moves_the_features():
    """The eyes, found as what changes when they close, follow the head; so does a raised chin."""
    rows = np.zeros((10, len(AUS)))
    rows[1::2, INDEX["AU43"]] = 1
    faces = plain(rows)
    yaw = np.repeat(np.float32([-0.4, 0, 0.4, 0, 0]), 2)
    pitch = np.repeat(np.float32([0, 0, 0, -0.3, 0.3]), 2)
    pictures = grey(render(faces._replace(view=faces.view._replace(yaw=yaw, pitch=pitch)), 128))
    change = np.abs(pictures[1::2] - pictures[::2])
    x = (change * np.arange(128)).sum((1, 2)) / change.sum((1, 2))
    y = (change * np.arange(128)[:, None]).sum((1, 2)) / change.sum((1, 2))
    assert x[0] < x[1] - 8 < x[1] + 8 < x[2]
    assert y[3] > y[1] + 5 > y[1] - 5 > y[4]


def test_face_finder_finds_phantoms_in_mild_poses():
    """At least 95 % of ordinary portraits, half of them with random expressions."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    found = []
    cells = []
    for n in range(120):
        rng = np.random.default_rng(n)
        person = sample_person([5, n])
        c = sample_camera(rng, person.looks.skin)
        aus = person.signature.rest + (n % 2) * rng.uniform(0, 0.6, len(AUS)) * MAXIMUM
        view = View(*map(np.float32, (c.yaw, c.pitch, c.roll, c.x, c.y, c.scale, 0, 0)))
        cells.append(Face(person.looks, aus.astype(np.float32), view, c.scene, np.int32(n)))
    for picture in render(jax.tree.map(lambda *x: np.stack(x), *cells), 128):
        boxes = cascade.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 1.1, 3, minSize=(40, 40))
        found.append(any(x < 64 < x + w and y < 64 < y + h for x, y, w, h in boxes))
    assert np.mean(found) >= 0.95


def test_pspi_of_hand_made_rows():
    def row(**units: float) -> list[float]:
        return [units.get(name, 0) for name in AUS]

    rows = np.array(
        [
            row(),
            row(AU04=5, AU06=5, AU07=5, AU09=5, AU10=5, AU43=1),
            row(AU04=2, AU06=1, AU07=3, AU10=1),
            row(AU06=3, AU12=5),
            row(AU01=5, AU02=5, AU12=5, AU20=5, AU26=5),
            row(AU43=1),
        ],
        float,
    )
    np.testing.assert_array_equal(pspi(rows), [0, 16, 6, 3, 0, 1])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=11, max_size=11))
def test_pspi_stays_in_range_and_ignores_other_units(shares):
    aus = np.array([shares, shares]) * MAXIMUM
    for name in ("AU01", "AU02", "AU12", "AU20", "AU26"):
        aus[1, INDEX[name]] = 0
    with_all, without = pspi(aus)
    assert 0 <= with_all == without <= 16
