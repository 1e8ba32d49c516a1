"""Faces and 68 landmarks by the package face-alignment: the detector S3FD and the landmark network FAN, both in torch.

An optional extra (`pip install 'wince[face-alignment]'`) with weights that the user brings; nothing is ever downloaded.
Only the 2-D networks are used: the package's depth network would have to be unpickled, and a pickle can run anything.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn
from urllib.parse import urlparse

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from pretrain.errors import UserError
from pretrain.footage.align import Pose
from pretrain.footage.faces import Box, FoundFace, look_by_finding

DETECTOR_FILE = "s3fd-619a316812.pth"
LANDMARK_FILE = "2DFAN4-11f355bf06.pth.tar"
WEIGHT_FILES = (DETECTOR_FILE, LANDMARK_FILE)
"""Both are plain state dictionaries, named as face-alignment's own cache names them."""
CACHE = Path("hub") / "checkpoints"
"""Where torch keeps downloaded weights below its home ($TORCH_HOME, or ~/.cache/torch)."""
INSTALL = "pip install 'wince[face-alignment]'"


def face_alignment_finder(weights: Path) -> "FaceAlignmentFinder":
    """Builds the finder from a folder that holds the `WEIGHT_FILES`, itself or in `hub/checkpoints` below it.

    Keeps torch to one thread, since `wince prepare` starts a process for every core and the results should not depend
    on how many. Raises `UserError` at once, before torch is imported, where the extra or a file is missing, and later
    for files that are no weights of these networks.
    """
    if importlib.util.find_spec("face_alignment") is None:
        raise UserError(f"face finder 'face-alignment' needs an extra: {INSTALL}")
    place = weight_place(weights)
    try:
        torch = importlib.import_module("torch")
        package = importlib.import_module("face_alignment")
        api = importlib.import_module("face_alignment.api")
    except ImportError as error:
        raise UserError(f"face-alignment cannot be imported ({_line(error)}); try {INSTALL}") from error
    torch.set_num_threads(1)
    with _only_from(place, torch, api):
        try:
            aligner = package.FaceAlignment(
                package.LandmarksType.TWO_D,
                device="cpu",
                flip_input=False,
                face_detector="sfd",
                face_detector_kwargs={"path_to_detector": str(place / DETECTOR_FILE)},
                compile=False,
            )
        except RuntimeError as error:  # names or shapes that do not fit
            raise UserError(f"the weights in {place} do not fit face-alignment's networks: {_line(error)}") from error
    return FaceAlignmentFinder(aligner)


def weight_place(weights: Path) -> Path:
    """The folder in which the weight files lie. Raises `UserError` that names the first missing one and its place."""
    if not weights.is_dir():
        raise UserError(f"--face-weights {weights}: no such folder; it should hold {' and '.join(WEIGHT_FILES)}")
    place = weights / CACHE if (weights / CACHE).is_dir() else weights
    for name in WEIGHT_FILES:
        if not (place / name).is_file():
            raise UserError(f"{place / name} is missing: put face-alignment's file of that name there (no download)")
    return place


class FaceAlignmentFinder:
    """Finds faces with S3FD and their landmarks with FAN; about a second for a picture on one core.

    A box of S3FD reaches from the forehead to the chin and from cheek to cheek. The square has the same centre and the
    longer side, which is the height of an upright face and the width of a lying one.

    The package cuts landmarks to whole pixels, to the index of the pixel that holds the point: its centre in our
    coordinates. Its crop starts at whole pixels too, which moves the landmarks of faces of 50 to 250 px by up to half
    a pixel, less than a step of FAN's own grid.
    """

    LONGEST = 640
    """Larger pictures are shrunk to this for the detector, the time of which grows with the pixels."""
    SMALLEST = 8
    """Smaller boxes, in pixels of the picture, are no faces; the crop of a box of no size would raise."""

    def __init__(self, aligner: Any) -> None:
        self._aligner = aligner

    def __call__(self, luma: UInt8[np.ndarray, "h w"], known: Sequence[Pose] = ()) -> list[FoundFace]:
        """All faces found, surest first, known or not."""
        boxes = self._detect(luma)
        if not len(boxes):
            return []
        picture = cv2.cvtColor(luma, cv2.COLOR_GRAY2RGB)
        landmarks, scores, _ = self._aligner.get_landmarks_from_image(
            picture, detected_faces=list(boxes), return_landmark_score=True
        )
        faces = [_face(*parts) for parts in zip(boxes, landmarks, scores, strict=True)]
        return sorted(faces, key=lambda f: (-f.score, f.box))

    def look(self, luma: UInt8[np.ndarray, "h w"], poses: Sequence[Pose]) -> list[FoundFace | None]:
        """The faces that are known to be about at these poses; None for each that is not there (any more)."""
        return [look_by_finding(self, luma, pose) for pose in poses]

    def _detect(self, luma: UInt8[np.ndarray, "h w"]) -> Float[np.ndarray, "n 5"]:
        """x0, y0, x1, y1 and score of the boxes that have some size and their centre in the picture."""
        height, width = luma.shape
        shrink = max(1.0, max(height, width) / self.LONGEST)
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        small = luma if shrink == 1 else cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        found = self._aligner.face_detector.detect_from_image(cv2.cvtColor(small, cv2.COLOR_GRAY2RGB))
        boxes = np.array(found, np.float64).reshape(-1, 5)
        boxes[:, :4] *= np.tile([width / size[0], height / size[1]], 2)
        middle, sides = (boxes[:, :2] + boxes[:, 2:4]) / 2, boxes[:, 2:4] - boxes[:, :2]
        inside = (middle >= 0) & (middle < (width, height)) & (sides >= self.SMALLEST)
        return boxes[inside.all(axis=1)]


def five_points(landmarks: Float32[np.ndarray, "68 2"]) -> Float32[np.ndarray, "5 2"]:
    """Middles of the eyes, tip of the nose and corners of the mouth, in the order of iBUG, hence the image-left of an
    upright face first. The middle of the six points round an eye is taken for the pupil.
    """
    eyes = landmarks[36:48].reshape(2, 6, 2).mean(axis=1)
    return np.concatenate([eyes, landmarks[[30, 48, 54]]])


def square(x0: float, y0: float, x1: float, y1: float) -> Box:
    """The square with the centre and the longer side of a rectangle.

    >>> square(2, 0, 6, 8)
    Box(x0=0.0, y0=0.0, x1=8.0, y1=8.0)
    """
    x, y, half = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) / 2
    return Box(x - half, y - half, x + half, y + half)


def _face(
    box: Float[np.ndarray, "5"], landmarks: Float[np.ndarray, "68 2"], scores: Float[np.ndarray, "68"]
) -> FoundFace:
    points = landmarks.astype(np.float32)
    confidence = np.clip(scores, 0, 1).astype(np.float32)  # heights of the peaks of heatmaps trained towards 0 to 1
    return FoundFace(square(*map(float, box[:4])), float(box[4]), points, five_points(points), confidence, confidence)


@contextmanager
def _only_from(place: Path, torch: Any, api: Any) -> Iterator[None]:
    """While this is open, face-alignment takes its weights from `place`, loads no pickles, and torch downloads nothing.

    The package has no argument for the path of FAN; its cache may only be moved for the whole process, and what it
    misses there it fetches, with no limit in time. 1.5 does load both files with `weights_only`; this makes sure.
    """
    load = torch.load

    def safely(file: Any, *args: Any, **options: Any) -> Any:
        try:
            return load(file, *args, **(options | {"weights_only": True, "map_location": "cpu"}))
        except Exception as error:  # whatever a damaged file does to the unpickler
            raise UserError(f"{file} cannot be loaded as weights: {_line(error)}") from error

    def here(url: str, *args: Any, **options: Any) -> str:
        return str(place / PurePosixPath(urlparse(url).path).name)

    def refuse(request: Any, *args: Any, **options: Any) -> NoReturn:
        raise UserError(f"face-alignment wants to download {getattr(request, 'full_url', request)}; put it in {place}")

    replacements: Sequence[tuple[Any, str, Callable[..., Any]]] = (
        (torch, "load", safely),
        (torch.hub, "urlopen", refuse),  # through which all downloads of torch.hub go, whoever has imported them
        (api, "load_file_from_url", here),
    )
    with ExitStack() as undo:
        for owner, name, replacement in replacements:
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, replacement)
        yield


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__
