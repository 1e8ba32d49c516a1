"""Landmarks and masks against the pixels: a feature is where the picture changes when only that feature does."""

import jax
import numpy as np
import pytest

from personalize.phantom.face.facs import AU, facs
from personalize.phantom.face.landmarks import FACING, Annotations, annotate
from personalize.phantom.face.parameters import Face
from personalize.phantom.face.render import render
from tests.support.portraits import plain, row, stack

SIZE = 128
POSES = [
    {},
    {"yaw": 0.45},
    {"yaw": -0.45},
    {"pitch": 0.3},
    {"pitch": -0.3},
    {"roll": 0.5},
    {"roll": np.pi / 2},
    {"yaw": 0.3, "pitch": 0.2, "roll": -0.4, "x": 0.1, "y": -0.1, "scale": 0.5},
    {"yaw": -0.3, "pitch": -0.15, "roll": 2.5, "scale": 0.65},
]
MIRROR = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46),
        *(39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
"""Place of each landmark's twin."""


def changed(first: Face, second: Face, threshold: float = 12) -> np.ndarray:
    """How much each pixel changes between batches, small changes left out: (n, SIZE, SIZE)."""
    change = np.abs(render(first, SIZE).astype(float) - render(second, SIZE)).sum(-1)
    return np.where(change > threshold, change, 0)


def centroid(weight: np.ndarray) -> np.ndarray:
    """Mean position (x, y) of the weights of one picture."""
    row_of, column_of = np.indices(weight.shape)
    return np.array([(weight * column_of).sum(), (weight * row_of).sum()]) / weight.sum()


def nearer(weight: np.ndarray, this: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The weights of pixels that are nearer to one point than to another."""
    row_of, column_of = np.indices(weight.shape)

    def far(point: np.ndarray) -> np.ndarray:
        return (column_of - point[0]) ** 2 + (row_of - point[1]) ** 2

    return np.where(far(this) < far(other), weight, 0)


def batch(muscles: np.ndarray | None = None, gaze: float = 0.0, **looks: float) -> Face:
    """The average person in all `POSES`."""
    return stack([plain(muscles, looks, **{"gaze_x": gaze, **pose}) for pose in POSES])


@pytest.fixture(scope="module")
def rest() -> Annotations:
    return annotate(batch(), SIZE)


def test_shapes_and_types(rest):
    n = len(POSES)
    assert rest.landmarks.shape == (n, 68, 2) and rest.landmarks.dtype == np.float32
    assert rest.pupils.shape == (n, 2, 2) and rest.pupils.dtype == np.float32
    assert rest.visible.shape == (n, 70) and rest.visible.dtype == bool
    assert rest.mask.shape == (n, SIZE, SIZE) and rest.mask.dtype == bool


@pytest.mark.parametrize("gaze", [-0.6, 0.0, 0.6])
def test_pupils_lie_in_the_middle_of_what_the_iris_colours(gaze):
    wide = row(AU05=4)
    a = annotate(batch(wide, gaze), SIZE)
    change = changed(batch(wide, gaze, iris=[0.1, 0.1, 0.1]), batch(wide, gaze, iris=[0.9, 0.9, 0.9]))
    for picture, pupils in zip(change, a.pupils, strict=True):
        for this, other in (pupils, pupils[::-1]):
            np.testing.assert_allclose(centroid(nearer(picture, this, other) > 0), this, atol=1.0)


def test_brows_lie_in_the_middle_of_what_their_thickness_changes(rest):
    change = changed(batch(brow_thickness=0.7), batch(brow_thickness=1.3))
    for picture, points in zip(change, rest.landmarks, strict=True):
        left, right = points[17:22].mean(0), points[22:27].mean(0)
        for this, other in ((left, right), (right, left)):
            np.testing.assert_allclose(centroid(nearer(picture, this, other)), this, atol=2.0)


def test_lips_reach_as_far_as_what_their_thickness_changes():
    """Upright poses: the upper and lower border at the midline, and the middle from side to side.

    Lips are redder than skin, shadows are not: what is compared is the share of red.
    """
    upright = [0, 3, 4]
    thick = annotate(batch(lip_thickness=1.6), SIZE).landmarks
    thin, full = (render(batch(lip_thickness=t), SIZE).astype(float) for t in (0.8, 1.6))
    change = np.abs(thin[..., 1] / (thin[..., 0] + 1) - full[..., 1] / (full[..., 0] + 1)) > 0.05
    for n in upright:
        rows, columns = np.nonzero(change[n])
        assert rows.min() == pytest.approx(thick[n, 50:53, 1].min(), abs=2.0)
        assert rows.max() == pytest.approx(thick[n, 57, 1], abs=2.0)
        assert columns.min() >= thick[n, 48, 0] - 1.5
        assert columns.max() <= thick[n, 54, 0] + 1.5
        assert columns.mean() == pytest.approx(thick[n, [48, 54], 0].mean(), abs=1.0)


def test_corners_of_the_mouth_lie_where_its_width_changes_the_picture():
    """Between the corners of two widths lies the middle of what differs there."""
    narrow, wide = batch(mouth_width=0.95), batch(mouth_width=1.15)
    change = changed(narrow, wide, 60)
    corners = (annotate(narrow, SIZE).landmarks[:, [48, 54]] + annotate(wide, SIZE).landmarks[:, [48, 54]]) / 2
    for n in (0, 3, 4, 5, 6):
        for this, other in (corners[n], corners[n, ::-1]):
            assert np.linalg.norm(centroid(nearer(change[n], this, other)) - this) < 3.0


def test_open_lips_surround_the_mouths_inside():
    """Teeth and cavity change with the opening only inside the inner lip, seen as what is dark or white there."""
    open_mouth = batch(row(mouth=0.7))
    pictures, points = render(open_mouth, SIZE), annotate(open_mouth, SIZE).landmarks
    for n in (0, 1, 3, 5):
        red, green = pictures[n, :, :, 0].astype(float), pictures[n, :, :, 1].astype(float)
        inner = points[n, 60:68]
        low, high = inner.min(0) - 3, inner.max(0) + 3
        window = np.zeros((SIZE, SIZE), bool)
        window[int(low[1]) : int(high[1]) + 1, int(low[0]) : int(high[0]) + 1] = True
        white = (green > 0.9 * red) & (green > 120) & window
        dark = (red < 90) & window
        seen = white | dark
        np.testing.assert_allclose(centroid(seen.astype(float)), inner.mean(0), atol=2.5)
        assert seen.sum() == pytest.approx(_area(inner), rel=0.35)


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def test_inner_lips_part_where_a_coder_sees_it():
    rows = np.stack([row(mouth=m, AU10=u) for m in (0, 0.03, 0.05, 0.2) for u in (0, 2, 4, 5)])
    points = annotate(stack([plain(m) for m in rows]), SIZE).landmarks
    gap = points[:, 66, 1] - points[:, 62, 1]
    np.testing.assert_array_equal(gap > 1e-3, facs(rows)[:, AU["AU25"]] > 0)
    assert gap.min() > -1e-3


@pytest.mark.parametrize("lids", [0.0, 0.4, 1.0])
def test_lids_close_on_the_pupil(lids, rest):
    points = annotate(batch(row(lids=lids)), SIZE)
    opening = points.landmarks[0, [41, 40, 47, 46], 1] - points.landmarks[0, [37, 38, 43, 44], 1]
    full = rest.landmarks[0, [41, 40, 47, 46], 1] - rest.landmarks[0, [37, 38, 43, 44], 1]
    np.testing.assert_allclose(opening, full * max(0, 1 - lids / 0.8), atol=0.05)
    if lids == 1:
        lines = points.landmarks[0, [[37, 38], [43, 44]]].mean(1)
        np.testing.assert_allclose(points.pupils[0], lines, atol=1.0)


def test_jaw_lies_on_the_outline_of_the_mask():
    """From the front all over; turned, on the side that is turned away."""
    poses = [{}, {"yaw": 0.4}, {"yaw": -0.4}, {"roll": 0.6}, {"scale": 0.5, "x": 0.2}]
    on_outline = [range(1, 16), range(9, 16), range(1, 8), range(1, 16), range(1, 16)]
    bald = {"hairline": 1, "hair_length": 0}
    a = annotate(stack([plain(None, bald, **pose) for pose in poses]), SIZE)
    for mask, points, which in zip(a.mask, a.landmarks, on_outline, strict=True):
        padded = np.pad(mask, 1)
        inner = padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
        outline = np.argwhere(mask & ~inner)[:, ::-1]
        for point in points[list(which)]:
            assert np.linalg.norm(outline - point, axis=1).min() < 1.6


def test_the_nose_stands_out():
    """Turning moves the nose's tip farther than the pupils, and its ridge stays between the eyes."""
    faces = stack([plain(yaw=yaw) for yaw in (-0.3, 0, 0.3)])
    a = annotate(faces, SIZE)
    tip, eyes = a.landmarks[:, 30, 0], a.pupils[:, :, 0].mean(1)
    assert tip[1] == pytest.approx(eyes[1], abs=0.1)
    assert tip[2] - eyes[2] > 2 and eyes[0] - tip[0] > 2
    change = changed(stack([plain()]), stack([plain(looks={"nose_length": 1.08})]), 10)[0]
    nose = change[: int(a.landmarks[1, 51, 1]) - 2]  # without the lip below
    assert a.landmarks[1, 27, 1] < np.argwhere(nose)[:, 0].min() + 6
    assert centroid(nose)[0] == pytest.approx(a.landmarks[1, 30, 0], abs=1)


def test_the_order_is_that_of_ibug_68(rest):
    points = rest.landmarks[0]
    assert (np.diff(points[0:17, 0]) > 0).all() and points[:17, 1].argmax() == 8
    assert (np.diff(points[17:27, 0]) > 0).all()
    assert (np.diff(points[27:31, 1]) > 0).all()
    assert (np.diff(points[31:36, 0]) > 0).all()
    for start in (36, 42, 48, 60):  # clockwise from the left: the upper side comes first
        group = points[start : {36: 42, 42: 48, 48: 60, 60: 68}[start]]
        assert group[:, 0].argmin() == 0
        assert group[1, 1] <= group[-1, 1] + 1e-3
    assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0]
    assert rest.pupils[0, 0, 0] < rest.pupils[0, 1, 0]
    assert points[36, 0] < rest.pupils[0, 0, 0] < points[39, 0]


def test_mirrored_faces_have_mirrored_landmarks():
    muscles = row(AU01=3, AU12=4, mouth=0.4, AU04=2)
    faces = [
        plain(muscles, yaw=s * 0.3, roll=s * 0.2, gaze_x=s * 0.5, pitch=0.1)._replace(
            asymmetry=np.full(len(muscles), s * 0.5, np.float32)
        )
        for s in (1, -1)
    ]
    a = annotate(stack(faces), SIZE)
    flipped = a.landmarks[1, MIRROR] * [-1, 1] + [SIZE - 1, 0]
    np.testing.assert_allclose(a.landmarks[0], flipped, atol=0.02)
    np.testing.assert_allclose(a.pupils[0], a.pupils[1, ::-1] * [-1, 1] + [SIZE - 1, 0], atol=0.02)
    np.testing.assert_array_equal(a.visible[0, :68], a.visible[1, MIRROR])


def test_size_scales_and_place_shifts():
    small, large = (annotate(batch(), size).landmarks for size in (64, 128))
    np.testing.assert_allclose((small + 0.5) * 2 - 0.5, large, atol=0.01)
    here, there = annotate(stack([plain(), plain(x=0.25, y=-0.125)]), SIZE).landmarks
    np.testing.assert_allclose(here + np.array([16, 8]), there, atol=0.01)


def test_what_is_turned_away_or_covered_is_not_visible():
    covers = [{}, {"blanket": 1}, {"oxygen_mask": 1}, {"pillow": 1}]
    faces = [*(plain(covers=c) for c in covers), plain(yaw=1.2), plain(yaw=-1.2), plain(x=0.9)]
    a = annotate(stack(faces), SIZE)
    bare, blanket, mask, pillow, right, left, outside = a.visible
    assert bare.all() and pillow.all()
    mouth, eyes = slice(48, 68), slice(36, 48)
    assert not blanket[mouth].any() and blanket[eyes].all() and blanket[68:].all()
    assert not mask[mouth].any() and mask[eyes].all()
    assert not right[42:48].all() and right[36:42].all() and not right[69] and right[68]
    assert not left[36:42].all() and left[42:48].all()
    assert not outside[16] and outside[36]
    assert 0 < FACING < 0.5
    assert a.mask[1].sum() < 0.8 * a.mask[0].sum() and not (a.mask[1] & ~a.mask[0]).any()


def test_the_mask_is_skin():
    """Where skin changes colour within the head it is mask; where hair, shirt or room do, it is not."""
    base = plain(looks={"hair_length": 0.9})
    looks = [
        base.looks._replace(skin=np.float32([0.5, 0.7, 0.5])),
        base.looks._replace(hair=np.float32([0.9, 0.2, 0.2])),
    ]
    room = base.scene._replace(background=np.full((5, 5, 3), 0.9, np.float32), shirt=np.float32([0.9, 0.9, 0.1]))
    others = stack([base._replace(looks=looks[0]), base._replace(looks=looks[1]), base._replace(scene=room)])
    same = jax.tree.map(lambda x: np.repeat(x, 3, 0), stack([base]))
    skin, hair, behind = changed(same, others, 60) > 0
    mask = annotate(stack([base]), SIZE).mask[0]
    assert skin[mask].mean() > 0.85  # all but eyes, brows and teeth
    assert behind[mask].mean() < 0.02
    brows_and_edge = 0.08
    assert hair[mask].mean() < brows_and_edge
