"""The renderer: same input, same pixels; every muscle is seen, where it should be; finders see a face."""

import cv2
import jax
import numpy as np
import pytest

from personalize.phantom.face.camera import sample_camera
from personalize.phantom.face.facs import AU, facs
from personalize.phantom.face.parameters import INDEX, MAXIMUM, MUSCLES
from personalize.phantom.face.render import CHUNK, render
from tests.support.portraits import SCENE, box, grey, plain, portrait, row, stack

REGIONS = {  # left, right, bottom, top in head units (the head is 2 high): where a muscle may change the face
    "AU01": (-0.55, 0.55, 0.00, 0.75),
    "AU02": (-0.62, 0.62, 0.00, 0.75),
    "AU04": (-0.60, 0.60, -0.05, 0.60),
    "AU05": (-0.50, 0.50, -0.10, 0.35),
    "AU06": (-0.70, 0.70, -0.75, 0.50),
    "AU07": (-0.55, 0.55, -0.30, 0.25),
    "AU09": (-0.60, 0.60, -0.95, 0.55),
    "AU10": (-0.45, 0.45, -0.90, -0.05),
    "AU12": (-0.75, 0.75, -0.90, 0.15),
    "AU14": (-0.55, 0.55, -0.85, -0.20),
    "AU15": (-0.55, 0.55, -0.95, -0.25),
    "AU17": (-0.45, 0.45, -1.05, -0.25),
    "AU20": (-0.55, 0.55, -0.90, -0.15),
    "AU23": (-0.45, 0.45, -0.85, -0.25),
    "mouth": (-0.85, 0.85, -1.40, -0.10),
    "lids": (-0.55, 0.55, -0.20, 0.30),
}
PEOPLE = {
    "average": {},
    "dark": {"skin": [0.33, 0.26, 0.24], "hair": [0.08, 0.06, 0.05]},
    "glasses": {"glasses": 1, "frames": 1},
    "old": {"age": 1},
}


def alone() -> np.ndarray:
    """Rest, then each muscle alone at its maximum."""
    return np.concatenate([np.zeros((1, len(MUSCLES))), np.diag(MAXIMUM)])


@pytest.fixture(scope="module")
def shown() -> dict[str, np.ndarray]:
    """Grey pictures of `alone` on several people, 128 pixels."""
    faces = stack([plain(m, looks) for looks in PEOPLE.values() for m in alone()])
    pictures = grey(render(faces, 128)).reshape(len(PEOPLE), -1, 128, 128)
    return dict(zip(PEOPLE, pictures, strict=True))


@pytest.mark.parametrize("muscle", MUSCLES)
def test_each_muscle_is_seen_where_it_belongs(muscle, shown):
    for name, pictures in shown.items():
        change = np.abs(pictures[1 + INDEX[muscle]] - pictures[0])
        inside = box(128, *REGIONS[muscle])
        relative = change / pictures[0][inside].mean()
        assert (relative[inside] > 0.12).sum() > 40, f"only some pixels change on {name}"
        assert relative[inside].max() > 0.25, f"a change that no eye would notice on {name}"
        assert change[inside].sum() > 0.95 * change.sum(), f"changes the face elsewhere on {name}"


@pytest.mark.parametrize("who", PEOPLE)
def test_no_two_muscles_look_the_same(who, shown):
    change = (shown[who][1:] - shown[who][0]).reshape(len(MUSCLES), -1)
    change /= np.linalg.norm(change, axis=1, keepdims=True)
    alike = change @ change.T - np.eye(len(MUSCLES))
    assert alike.max() < 0.8  # the nearest are tightened and closing lids on dark skin, which both hide the eye's glint


def test_more_of_a_muscle_changes_more():
    rows = np.concatenate([alone() * share for share in (0, 0.2, 0.6, 1)])
    pictures = grey(render(stack([plain(m) for m in rows]), 128)).reshape(4, -1, 128, 128)
    change = np.abs(pictures - pictures[0]).sum((2, 3))[:, 1:]
    assert (change[1] > 100).all()
    assert (np.diff(change, axis=0) > 0).all()


def test_a_muscle_shows_on_a_face_that_already_moves():
    """Each muscle is still seen when pain is: taken out of a full expression, it leaves a visible change."""
    full = row(AU04=3, AU06=2, AU07=2, AU09=2, AU10=2, AU20=1)
    added = np.stack([full + 0.6 * m for m in np.diag(MAXIMUM)])
    pictures = grey(render(stack([plain(m) for m in [full, *added]]), 128))
    for muscle, picture in zip(MUSCLES, pictures[1:], strict=True):
        change = np.abs(picture - pictures[0])[box(128, *REGIONS[muscle])]
        assert (change > 12).sum() > 20, muscle


def test_asymmetry_moves_the_subjects_left_more():
    m = np.diag(0.5 * MAXIMUM)
    faces = [plain(x)._replace(asymmetry=np.full(len(MUSCLES), s, np.float32)) for x in m for s in (0.9, -0.9)]
    rest = grey(render(stack([plain()]), 128))[0]
    change = np.abs(grey(render(stack(faces), 128)) - rest)
    left, right = change[:, :, 64:].sum((1, 2)), change[:, :, :64].sum((1, 2))
    one_sided = [INDEX[name] for name in MUSCLES if name not in ("AU17", "mouth")]  # chin and jaw are in the middle
    assert (left[::2] > 1.5 * right[::2])[one_sided].all()
    assert (right[1::2] > 1.5 * left[1::2])[one_sided].all()


def test_lips_part_exactly_where_a_coder_sees_it():
    """Openings just below and above the limit of AU25: the picture changes at the limit and not before."""
    openings = np.array([0, 0.02, 0.039, 0.06, 0.09, 0.13])
    rows = np.stack([row(mouth=o) for o in openings])
    scored = facs(rows)[:, AU["AU25"]] > 0
    pictures = grey(render(stack([plain(m) for m in rows]), 128))
    change = np.abs(pictures - pictures[0])[:, box(128, -0.3, 0.3, -0.8, -0.45)].max(1)
    np.testing.assert_array_equal(change > 3, scored)


def test_age_at_rest_resembles_pain():
    """Old faces differ from young ones in the direction of AU4 and AU9, but not of a raised brow."""
    units = ("AU04", "AU09", "AU02")
    faces = [plain(), plain(looks={"age": 1}), *(plain(row(**{u: 4})) for u in units)]
    young, old, *moved = grey(render(stack(faces), 128))
    inside = box(128, -0.5, 0.5, -0.6, 0.40)  # without the forehead
    aged = (old - young)[inside]
    frown, wrinkle, raised = (np.corrcoef(aged, (m - young)[inside])[0, 1] for m in moved)
    assert frown > 0.15
    assert wrinkle > 0.15
    assert raised < 0.5 * min(frown, wrinkle)


def test_same_faces_same_pixels_wherever_they_are_in_the_batch():
    """Also beside faces whose covers and blur call for stages that these do not need."""
    rng = np.random.default_rng(0)
    faces = stack([portrait(n, rng.uniform(0, 1, len(MUSCLES))) for n in range(21)])
    everyone = render(faces, 128)
    np.testing.assert_array_equal(everyone, render(faces, 128))
    np.testing.assert_array_equal(everyone[17:19], render(jax.tree.map(lambda x: x[17:19], faces), 128))
    plainly = jax.tree.map(lambda x: x[:4].copy(), faces)
    plainly.scene.blur[:] = 0
    alone = render(plainly, 128)
    plainly.covers.hand[0], plainly.covers.pillow[1], plainly.scene.blur[2] = 1, 1, 0.01
    beside = render(plainly, 128)
    assert (beside[:3] != alone[:3]).any((1, 2, 3)).all()
    np.testing.assert_array_equal(beside[3], alone[3])


def test_noise_comes_from_the_seed_and_has_the_stated_strength():
    noisy = [
        plain()._replace(seed=np.int32(s), scene=SCENE._replace(noise=np.float32(0.04 * (s > 0)))) for s in (0, 3, 4)
    ]
    clean, a, b = grey(render(stack(noisy), 128))
    assert np.std(a - clean) / 255 == pytest.approx(0.04, rel=0.05)
    assert abs(np.corrcoef((a - clean).ravel(), (b - clean).ravel())[0, 1]) < 0.03


def test_blur_is_a_gaussian_of_the_stated_width():
    """Against OpenCV's blur of the squared picture, and less and less detail."""
    blurs = (0, 0.004, 0.008, 0.012)
    pictures = render(stack([plain()._replace(scene=SCENE._replace(blur=np.float32(b))) for b in blurs]), 128)
    light = (pictures[0] / 255.0) ** 2
    for b, picture in zip(blurs[1:], pictures[1:], strict=True):
        expected = 255 * np.sqrt(cv2.GaussianBlur(light, (0, 0), 128 * b, borderType=cv2.BORDER_REPLICATE))
        assert np.abs(picture - expected).mean() < 0.6
    detail = [cv2.Laplacian(p, cv2.CV_64F).var() for p in pictures]
    assert detail[0] > 1.2 * detail[1] > 1.4 * detail[2] > 1.5 * detail[3]


@pytest.mark.parametrize("size", [32, pytest.param(97, marks=pytest.mark.long)])
def test_any_size(size):
    face = stack([plain()])
    small = cv2.resize(render(face, 128)[0], (32, 32), interpolation=cv2.INTER_AREA)
    picture = render(face, size)[0]
    assert picture.shape == (size, size, 3)
    same = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - same).mean() < 8


def test_the_silhouette_has_no_jagged_steps():
    """A picture at 64 pixels is the mean of four pixels at 128, and the head's edge has shares of pixels."""
    bald = {"hairline": 1, "skin": [0.95, 0.9, 0.85]}
    face = stack([plain(looks=bald)])
    coarse = grey(render(face, 64))[0]
    fine = cv2.resize(grey(render(face, 128))[0], (64, 64), interpolation=cv2.INTER_AREA)
    edge = box(64, -0.75, 0.75, 0.2, 0.8) & ~box(64, -0.5, 0.5, 0, 1)
    assert np.abs(coarse - fine)[edge].mean() < 4
    room = coarse[0, 0]
    rows = coarse[18:30, :32]  # from the room into the left of the forehead
    share = (rows - room) / (rows[:, -8:].mean(1, keepdims=True) - room)
    assert (((share > 0.15) & (share < 0.85)).sum(1) >= 1).mean() > 0.6


def test_a_symmetric_face_mirrors():
    faces = [plain(yaw=s * 0.3, gaze_x=s * 0.4, x=s * 0.1) for s in (1, -1)]
    faces = [
        f._replace(scene=SCENE._replace(light=np.float32([s * 0.5, 0.4, 1])))
        for f, s in zip(faces, (1, -1), strict=True)
    ]
    left, right = grey(render(stack(faces), 128))
    different = np.abs(left - right[:, ::-1])
    assert np.median(different[24:104]) < 1.5  # strands of hair and folds of the shirt are not symmetric


def test_turning_moves_the_features():
    """The eyes, found as what changes when they close, follow the head; so does a raised chin."""
    poses = [(-0.4, 0), (0, 0), (0.4, 0), (0, -0.3), (0, 0.3)]
    faces = [plain(row(lids=shut), yaw=yaw, pitch=pitch) for yaw, pitch in poses for shut in (0, 1)]
    pictures = grey(render(stack(faces), 128))
    change = np.abs(pictures[1::2] - pictures[::2])
    x = (change * np.arange(128)).sum((1, 2)) / change.sum((1, 2))
    y = (change * np.arange(128)[:, None]).sum((1, 2)) / change.sum((1, 2))
    assert x[0] < x[1] - 8 < x[1] + 8 < x[2]
    assert y[3] > y[1] + 5 > y[1] - 5 > y[4]


def test_a_head_on_its_side_is_the_turned_picture():
    """In light from the camera alone, which turns along."""
    ahead = SCENE._replace(light=np.float32([0, 0, 1]), ambient=np.float32(0))
    faces = [plain(roll=r, covers={"pillow": 1})._replace(scene=ahead) for r in (0, np.pi / 2, -np.pi / 2)]
    upright, left, right = grey(render(stack(faces), 128))
    face = box(128, -0.5, 0.5, -0.8, 0.5)
    assert np.abs(np.rot90(left, -1) - upright)[face].mean() < 3
    assert np.abs(np.rot90(right, 1) - upright)[face].mean() < 3


@pytest.mark.parametrize(
    ("covers", "hides", "spares"),
    [
        ({"blanket": 1}, (-0.5, 0.5, -0.95, -0.55), (-0.5, 0.5, -0.15, 0.6)),
        ({"hand": 1, "hand_side": 1}, (-0.15, 0.3, -0.75, -0.50), (-0.5, 0.5, 0.0, 0.6)),
        ({"tube": 1}, (-0.4, 0.4, -0.52, -0.48), (-0.5, 0.5, -0.1, 0.6)),
        ({"oxygen_mask": 1}, (-0.2, 0.2, -0.85, -0.30), (-0.5, 0.5, 0.10, 0.6)),
        ({"pillow": 1}, None, (-0.4, 0.4, -0.8, 0.6)),
    ],
)
def test_covers_hide_what_they_should(covers, hides, spares):
    """Lips that move are seen less or not at all, and the rest of the face does not change."""
    faces = stack([plain(m, covers=c) for c in ({}, covers) for m in (row(), row(AU12=5, AU10=4, mouth=0.3))])
    bare, bare_moved, under, under_moved = grey(render(faces, 128))
    spared = box(128, *spares)
    np.testing.assert_array_equal(bare[spared], under[spared])
    if hides is None:
        assert np.abs(under - bare).mean() > 3, "a pillow is seen around the head"
        return
    hidden = box(128, *hides)
    assert np.abs(under - bare)[hidden].mean() > 8
    before, after = (np.abs(a - b)[hidden].sum() for a, b in ((bare_moved, bare), (under_moved, under)))
    assert after < (0.8 if "oxygen_mask" in covers else 0.25) * before


def test_a_hand_comes_from_its_side():
    faces = [plain(covers={"hand": 0.25, "hand_side": s}) for s in (1, -1)]
    bare, right, left = grey(render(stack([plain(), *faces]), 128))
    for picture, half in ((right, np.s_[:, 64:]), (left, np.s_[:, :64])):
        change = np.abs(picture - bare)
        assert change[half].sum() > 0.9 * change.sum() > 1000


def test_a_scar_is_seen_where_it_is():
    scar = np.float32([1, 0.35, -0.3, 1.0])
    bare, scarred = grey(render(stack([plain(), plain(looks={"scar": scar})]), 128))
    change = np.abs(scarred - bare)
    assert (change > 8).sum() > 10
    assert change[box(128, 0.1, 0.6, -0.6, 0.0)].sum() > 0.95 * change.sum()


def test_cameras_without_variety_are_the_same_for_everyone():
    skins = [np.float32([0.9, 0.8, 0.7]), np.float32([0.2, 0.15, 0.12])]
    cameras = [sample_camera(np.random.default_rng(n), skins[n % 2], variety=0) for n in range(4)]
    for other in cameras[1:]:
        jax.tree.map(np.testing.assert_array_equal, other, cameras[0])
    varied = [sample_camera(np.random.default_rng(n), skins[0]) for n in range(200)]
    for name in ("flicker", "quality", "yaw", "pitch", "roll", "x", "y", "scale"):
        values = [getattr(c, name) for c in varied]
        assert np.std(values) > 0, name
        assert np.mean(values) == pytest.approx(getattr(cameras[0], name), abs=3 * np.std(values) / np.sqrt(200) + 0.01)
    assert 18 <= min(c.quality for c in varied) <= max(c.quality for c in varied) <= 34


@pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason="OpenCV 5 has no Haar cascades")
def test_a_finder_that_was_trained_on_people_finds_phantoms_in_mild_poses():
    """At least 95 % of ordinary portraits, half of them with random expressions."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
    random = [(n % 2) * np.random.default_rng(n).uniform(0, 0.6, len(MUSCLES)) * MAXIMUM for n in range(120)]
    found = []
    for picture in render(stack([portrait(n, m) for n, m in enumerate(random)]), 128):
        boxes = cascade.detectMultiScale(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), 1.1, 3, minSize=(40, 40))
        found.append(any(x < 64 < x + w and y < 64 < y + h for x, y, w, h in boxes))
    assert np.mean(found) >= 0.95


def test_the_number_of_faces_does_not_matter():
    face = stack([plain()])
    many = jax.tree.map(lambda x: np.repeat(x, CHUNK + 1, 0), face)
    np.testing.assert_array_equal(render(many, 64), np.repeat(render(face, 64), CHUNK + 1, 0))
    assert render(jax.tree.map(lambda x: x[:0], face), 64).shape == (0, 64, 64, 3)
