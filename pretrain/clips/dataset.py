"""The clip dataset: aligned face crops as a TFDS dataset on ArrayRecord, read and written without TensorFlow.

A record is a run of at most `MAX_CROPS` consecutive crops of one track. Frames are stored as JPEG bytes, because
TFDS can neither write nor decode images without TensorFlow; the loader decodes them.
"""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Float32, Float64, Int64

from pretrain.clips.serialization import steady_bytes
from pretrain.errors import UserError

MAX_CROPS = 64
MEASURES = (
    *("eye_opening", "brow_height", "brow_gap", "nose_length", "upper_lip_height", "mouth_opening", "lip_thickness"),
    *("lip_corner_spread", "lip_corner_height", "motion_energy"),
)
"""Expression measures that cost no label, estimated from pixels by `prepare`, one value per crop and measure: see
`footage.measures`."""
QUALITY = ("sharpness", "brightness", "face_size", "yaw", "pitch", "roll", "confidence", "occlusion")
"""Variance of the Laplacian and mean luma (0-255) of a 64-pixel grey copy; width of the face in source pixels; turn of
the head in degrees (nose to the right of the picture, up, clockwise as one sees it); mean confidence of the landmarks,
0-1; share of the landmarks within the face that are not in sight."""


@dataclass(frozen=True)
class ClipRecord:
    """At most `MAX_CROPS` consecutive crops of one track of one file."""

    source: str
    """Path of the video relative to the footage argument."""
    track: int
    """Number of the track within its file."""
    segment: int
    """Position of this record within its track; segments abut."""
    frames: list[bytes]
    """JPEG bytes of the square RGB crops."""
    frame_index: Int64[np.ndarray, "n"]
    """Number of each crop's frame in the decoded file."""
    time: Float64[np.ndarray, "n"]
    """Presentation time in seconds."""
    box: Float32[np.ndarray, "n 4"]
    """x0, y0, x1, y1 of the face in pixels of the upright source frame."""
    landmarks: Float32[np.ndarray, "n 68 2"]
    """Pixels of the crop with the centre of the upper left one at (0, 0); order of iBUG 300-W."""
    points: Float32[np.ndarray, "n 5 2"]
    """... of the pupils, the tip of the nose and the corners of the mouth, image-left first."""
    measures: Float32[np.ndarray, "n m"]
    """Columns are `MEASURES`; NaN where one could not be estimated."""
    quality: Float32[np.ndarray, "n q"]
    """Columns are `QUALITY`."""

    @property
    def key(self) -> str:
        """Unique name of the record in its dataset."""
        return f"{self.source}#{self.track:04d}#{self.segment:06d}"


def _features(crop_size: int) -> tfds.features.FeaturesDict:
    f = tfds.features
    return f.FeaturesDict(
        {
            "source": f.Text(),
            "track": f.Scalar(np.int64),
            "segment": f.Scalar(np.int64),
            "frames": f.Tensor(shape=(None,), dtype=np.object_, doc=f"JPEG bytes, {crop_size} x {crop_size} RGB"),
            "frame_index": f.Tensor(shape=(None,), dtype=np.int64),
            # TFDS keeps floats in single precision, which is milliseconds off after some hours of film.
            "time_us": f.Tensor(shape=(None,), dtype=np.int64, doc="presentation time in microseconds"),
            "box": f.Tensor(shape=(None, 4), dtype=np.float32, doc="x0, y0, x1, y1 in source pixels"),
            "landmarks": f.Tensor(shape=(None, 68, 2), dtype=np.float32, doc="x, y in pixels of the crop"),
            "points": f.Tensor(shape=(None, 5, 2), dtype=np.float32, doc="pupils, nose, mouth's corners in the crop"),
            "measures": f.Tensor(shape=(None, len(MEASURES)), dtype=np.float32, doc=", ".join(MEASURES)),
            "quality": f.Tensor(shape=(None, len(QUALITY)), dtype=np.float32, doc=", ".join(QUALITY)),
        }
    )


class _LocalInfo(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Nobody asked for a look into the cloud, which leaves an empty folder in /tmp even where it is forbidden."""


class FaceClips(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """TFDS builder that packs records which somebody else has made."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {"2.0.0": "Landmarks, head pose and certainty with every crop."}  # noqa: RUF012 (TFDS's protocol)

    def __init__(self, records: Iterable[ClipRecord], crop_size: int, **kwargs: object) -> None:
        self._records = records
        self._crop_size = crop_size
        super().__init__(**kwargs)  # type: ignore[arg-type]

    def _info(self) -> tfds.core.DatasetInfo:
        return _LocalInfo(builder=self, description="Aligned face crops.", features=_features(self._crop_size))

    def _split_generators(self, dl_manager: object) -> dict[str, Iterator[tuple[str, dict]]]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[str, dict]]:
        for record in self._records:
            example = {f.name: getattr(record, f.name) for f in fields(record)}
            example["time_us"] = np.round(example.pop("time") * 1e6).astype(np.int64)
            yield record.key, example


def write_clips(records: Iterable[ClipRecord], out: Path, crop_size: int) -> None:
    """Writes records as a TFDS dataset whose files lie directly in `out` (which must exist, without a dataset).

    Same records, same bytes. Nothing is left behind when `records` raises: the dataset is built in a scratch folder
    beside and then moved.
    TFDS orders records by a hash of their key, so the order in which they arrive does not matter.
    """
    with tempfile.TemporaryDirectory(dir=out, prefix="incomplete.") as scratch:
        builder = FaceClips(records, crop_size, data_dir=scratch, file_format="array_record")
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()), steady_bytes():  # TFDS announces a download that never happens
            builder.download_and_prepare()
        for file in Path(builder.data_dir).iterdir():
            shutil.move(file, out / file.name)


def read_clips(clips: Path) -> Iterator[ClipRecord]:
    """All records of a clip dataset, in the dataset's order, frames still as JPEG bytes."""
    for raw in open_clips(clips):
        yield to_record(raw)


def open_clips(clips: Path) -> "tfds.core.DataSourceT":  # pyright: ignore[reportAttributeAccessIssue]
    """Random access to the raw records of a clip dataset (a picklable TFDS data source).

    Raises `UserError` when the folder is not a clip dataset.
    """
    if not (clips / "features.json").is_file():
        raise UserError(f"{clips} is not a clip dataset (no features.json there): make one with `wince prepare`")
    builder: Any = tfds.builder_from_directory(str(clips))
    if builder.version != FaceClips.VERSION:
        raise UserError(
            f"{clips} holds clips of version {builder.version}, not {FaceClips.VERSION}: run `wince prepare` again"
        )
    return builder.as_data_source("train")


def to_record(raw: dict) -> ClipRecord:
    """A raw TFDS example as a `ClipRecord`."""
    values = {**raw, "source": raw["source"].decode() if isinstance(raw["source"], bytes) else raw["source"]}
    values["track"], values["segment"] = int(raw["track"]), int(raw["segment"])
    values["frames"] = list(raw["frames"])
    values["time"] = values.pop("time_us") / 1e6
    return ClipRecord(**values)


def crop_size(clips: Path) -> int:
    """Side of the square crops in pixels."""
    first = cv2.imdecode(np.frombuffer(open_clips(clips)[0]["frames"][0], np.uint8), cv2.IMREAD_COLOR)
    if first is None:
        raise UserError(f"{clips}: the first crop is not a JPEG image")
    return first.shape[0]
