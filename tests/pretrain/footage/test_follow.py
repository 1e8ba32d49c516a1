import cv2
import numpy as np
import pytest

from personalize.phantom.face.render import render
from pretrain.errors import UserError
from pretrain.footage.align import FIVE, Pose
from pretrain.footage.faces import Box, FoundFace, look_by_finding, overlap
from pretrain.footage.finders import make_finder
from pretrain.footage.flow import fit_similarity
from pretrain.footage.follow import CROWD_SECONDS, PATIENCE_SECONDS, Follower, _mixed
from pretrain.footage.head_pose import RIGID, SHAPE
from tests.support.portraits import plain, row, stack


def _luma(frames):
    return [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in frames]


def _tracks(frames, finder=None, max_faces=4, fps=10):
    """(frame, track, pose, finder's answer) of everything seen."""
    follower = Follower(finder or make_finder("nets"), max_faces)
    steps = [follower.step(f, i / fps) for i, f in enumerate(frames)]
    return [(i, s.track, s.pose, _answer(s)) for i, step in enumerate(steps) for s in step.faces], steps


def _answer(sighting):
    return "saw" if sighting.seen else "missed" if sighting.missed else "idle"


class _Finder:
    """Finds what it is told to."""

    def __init__(self, find):
        self.find = find

    def __call__(self, luma, known=()):
        return self.find(luma)

    def look(self, luma, poses):
        return [look_by_finding(self.find, luma, pose) for pose in poses]


def _found(*box):
    """An upright face in a square box."""
    x0, y0, x1, y1 = box
    points = (FIVE * (x1 - x0) + ((x0 + x1) / 2, (y0 + y1) / 2) - 0.5).astype(np.float32)
    landmarks = np.zeros((68, 2), np.float32)
    landmarks[list(RIGID)] = SHAPE[:, :2] * (x1 - x0) + ((x0 + x1) / 2 - 0.5, (y0 + y1) / 2 - 0.5)
    return FoundFace(Box(*box), 1.0, landmarks, points, *(np.ones(68, np.float32) for _ in range(2)))


def _shifted(frame, x, y):
    matrix = np.array([[1, 0, x], [0, 1, y]], np.float32)
    return cv2.warpAffine(frame, matrix, frame.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def test_similarity_is_found_among_outliers():
    rng = np.random.default_rng(0)
    z = rng.normal(size=40) * 20 + 1j * rng.normal(size=40) * 20
    w = 1.1 * np.exp(0.2j) * z + (3 - 2j)
    w[:12] += 15
    (a, b), inside = fit_similarity(z, w)
    assert a == pytest.approx(1.1 * np.exp(0.2j), abs=1e-6)
    assert b == pytest.approx(3 - 2j, abs=1e-6)
    assert not inside[:12].any() and inside[12:].all()


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ((0.0, 0.0, 2.0, 2.0), (1.0, 1.0, 3.0, 3.0), 1 / 7),
        ((0.0, 0.0, 1.0, 1.0), (2.0, 0.0, 3.0, 1.0), 0),
        ((0.0,) * 2 + (1.0,) * 2,) * 2 + (1,),
    ],
)
def test_overlap_by_hand(a, b, iou):
    assert overlap(a, b) == pytest.approx(iou)


def test_a_still_face_stays_still(films):
    """The crop of a still picture moves by less than 1 % of the face's width per frame once it has settled."""
    seen, _ = _tracks(_luma([films[0][0]] * 40))
    assert {track for _, track, _, _ in seen} == {0}
    poses = np.array([[p.x, p.y] for _, _, p, _ in seen])[10:]
    size = seen[-1][2].size
    assert np.abs(np.diff(poses, n=2, axis=0)).max() < 0.01 * size


def test_motion_is_followed(films):
    """The same picture, shifted by a known path: the pose shifts along with it."""
    path = [(12 * np.sin(i / 5), 8 * np.cos(i / 4) - 8) for i in range(40)]
    seen, _ = _tracks(_luma([_shifted(films[0][0], x, y) for x, y in path]))
    assert [i for i, *_ in seen] == list(range(40))
    assert {track for _, track, _, _ in seen} == {0}
    found = np.array([[p.x, p.y] for _, _, p, _ in seen])
    assert np.abs((found - found[20]) - (np.array(path) - path[20])).max() < 3  # of a face some 80 px wide


def test_a_cut_ends_the_track_and_another_person_gets_another_number(films):
    dark = (films[1] * 0.35).astype(np.uint8)
    seen, steps = _tracks(_luma([*films[0][:15], *dark[:15]]))
    assert steps[15].cut and steps[15].ended == [0]
    assert {t for i, t, _, _ in seen if i < 15} == {0}
    assert {t for i, t, _, _ in seen if i >= 15} == {1}


def test_two_faces_are_two_tracks(films):
    seen, _ = _tracks(_luma(np.concatenate([films[0][:30], films[1][:30]], axis=2)))
    sides = {t: {p.x > 160 for _, track, p, _ in seen if track == t} for _, t, _, _ in seen}
    assert sorted(map(tuple, sides.values())) == [(False,), (True,)]


def test_no_more_faces_than_allowed(films):
    _, steps = _tracks(_luma(np.concatenate([films[0][:10], films[1][:10]], axis=2)), max_faces=1)
    assert {len(s.faces) for s in steps} == {1}


def test_a_face_that_was_covered_for_a_moment_keeps_its_number_and_the_gap_stays(films):
    frames = [f.copy() for f in films[0][:32]]
    for f in frames[12:17]:
        f[:] = np.linspace(90, 140, 160)[None, :, None]  # half a second of nothing, without a hard cut
        f[::7] += 20
    follower = Follower(make_finder("nets"), 4)
    follower._cuts = lambda luma: False
    steps = [follower.step(f, i / 10) for i, f in enumerate(_luma(frames))]
    seen = [(i, s.track) for i, step in enumerate(steps) for s in step.faces]
    assert {t for _, t in seen} == {0}
    assert not {i for i, _ in seen} & set(range(13, 17))
    assert {i for i, _ in seen} >= set(range(22, 32))


def test_a_face_that_the_finder_no_longer_sees_is_given_up(films):
    """However well its texture can be followed."""
    calls = iter([[_found(40.0, 40.0, 110.0, 110.0)]])
    seen, _ = _tracks(_luma([films[0][0]] * 40), finder=_Finder(lambda luma: next(calls, [])))
    assert max(i for i, *_ in seen) / 10 <= PATIENCE_SECONDS + 0.1
    assert {answer for i, _, _, answer in seen if i > 0} == {"missed", "idle"}


def test_tracks_that_run_into_each_other_both_end():
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (120, 240)), (0, 0), 2).astype(np.uint8)
    both = [_found(40.0, 30.0, 90.0, 80.0), _found(130.0, 30.0, 180.0, 80.0)]
    follower = Follower(_Finder(lambda luma: both), 4)
    follower.step(texture, 0.0)
    follower._tracks[1].pose = Pose(75.0, 55.0, 50.0)
    follower._tracks[1].patch = follower._tracks[0].patch
    assert set(follower._end_mixed()) == {0, 1}


def test_a_still_face_stays_still_in_noise(films):
    """Crops of a still face move by less than 1 % of its width (standard deviation), whatever the sensor adds."""
    rng = np.random.default_rng(0)
    (still,) = _luma(films[0][:1])
    noisy = [np.clip(still + rng.normal(0, 5, still.shape), 0, 255).astype(np.uint8) for _ in range(75)]
    seen, _ = _tracks(noisy, fps=25)
    assert [(i, t) for i, t, _, _ in seen] == [(i, 0) for i in range(75)]
    poses = np.array([[p.x, p.y, p.size] for _, _, p, _ in seen])[10:]
    assert (poses.std(0) / poses[:, 2].mean() < 0.01).all()


@pytest.mark.parametrize("fps", [25, 10, 0.8])
def test_another_face_in_the_same_place_is_another_track(films, fps):
    """Even where the test for cuts saw nothing."""
    follower = Follower(make_finder("nets"), 4)
    follower._cuts = lambda luma: False
    step = 1 if fps > 1 else 4
    first, second = films[0][:24:step], films[1][:24:step]
    frames = _luma([*first, *second])
    tracks = [(i, s.track) for i, f in enumerate(frames) for s in follower.step(f, i / fps).faces]
    before, after = ({t for i, t in tracks if late == (i >= len(first))} for late in (False, True))
    assert len(before) == len(after) == 1 and before != after


def test_a_blink_in_a_dark_face_is_no_other_face():
    """Eyes that shut from one frame to the next, where they are all that stands out."""
    looks = {"skin": [0.2, 0.14, 0.12], "sclera": 1.4}
    shut, wide = (render(stack([plain(row(lids=lids), looks, scale=0.5)]), 160)[0] for lids in (1.0, 0.0))
    seen, _ = _tracks(_luma([shut if i in (20, 21) else wide for i in range(40)]), fps=25)
    assert [(i, t) for i, t, _, _ in seen] == [(i, 0) for i in range(40)]


def test_a_small_face_before_a_large_one_is_one_too_many():
    large = Pose(100.0, 100.0, 80.0)
    assert _mixed(large, Pose(110.0, 105.0, 30.0))
    assert not _mixed(large, Pose(165.0, 100.0, 60.0))


def test_few_frames_a_second_are_followed_by_looking_at_each(films):
    """Optical flow knows nothing over a second: the finder looks at every frame instead."""
    seen, _ = _tracks(_luma(films[0][::4]), fps=0.8)
    assert [(i, t) for i, t, _, _ in seen] == [(i, 0) for i in range(len(films[0][::4]))]
    assert {answer for *_, answer in seen} == {"saw"}


def test_the_bright_room_behind_a_face_is_no_part_of_its_look(films):
    """Half of the background turns from dark to light within a track: it goes on."""
    frames = [f.copy() for f in [films[0][0]] * 30]
    follower = Follower(make_finder("nets"), 4)
    box = follower.step(_luma(frames[:1])[0], 0.0).faces[0].pose.box
    edge = int(box[0] + 0.1 * (box[2] - box[0]))
    for i, f in enumerate(frames):
        f[:, :edge] = np.clip(20 + 12 * i, 0, 250)
    seen, _ = _tracks(_luma(frames))
    assert [(i, t) for i, t, _, _ in seen] == [(i, 0) for i in range(30)]


def test_a_face_that_comes_later_is_found(films):
    """While a face is in sight others are sought more and more rarely, but they are."""
    empty = np.repeat(films[1][:1, :, :1], 160, axis=2)
    late = [np.concatenate([films[0][i % 40], films[1][i % 40] if i >= 35 else empty[0]], axis=1) for i in range(75)]
    seen, _ = _tracks(_luma(late))
    first = min(i for i, _, p, _ in seen if p.x > 160)
    assert 35 <= first <= 35 + 10 * CROWD_SECONDS + 1


def test_unknown_finder_names_the_nearest():
    with pytest.raises(UserError, match="did you mean 'nets'"):
        make_finder("net")
