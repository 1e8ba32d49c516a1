"""Films a phantom person under named conditions and prepares the films as any footage is prepared.

The films are ordinary videos, and faces are found, followed, aligned and measured by the code of `wince prepare`.
Truth is kept beside the crops, for scores and for the supervised row alone.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from personalize.phantom.face.camera import glints
from personalize.phantom.face.facs import AUS
from personalize.phantom.face.render import render
from personalize.phantom.files import write_video
from personalize.phantom.filming import Take, cast, takes
from personalize.phantom.scenarios import EPISODES
from personalize.phantom.scenarios.base import Extent
from personalize.phantom.worlds import NATURAL
from pretrain.clips.dataset import ClipRecord
from pretrain.footage.ingest import IngestOptions, ingest_file

TRUTH = ("pspi", *AUS, "pain", "yaw", "pitch")
"""What is known of every frame: PSPI and action units beyond the resting tone, felt pain (0-10), head in degrees."""
PICTURE = 128
"""Side of the films in pixels."""
FPS = 10


class Job(NamedTuple):
    """One person to film."""

    out: Path
    seed: int
    number: int
    conditions: tuple[str, ...]
    """Of each recording."""
    seconds: float
    """Of each recording; the first 2.5 are free of expression."""
    crop: int


def film_person(job: Job, beat: Callable[[float], None]) -> None:
    """Films, prepares and writes one person's recordings as `job.out`, whole or not at all."""
    cv2.setNumThreads(1)
    (member,) = cast(EPISODES, NATURAL, job.seed, job.number, 1)
    extent = Extent(1, len(job.conditions), job.seconds, FPS, PICTURE)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for number, take in enumerate(takes(EPISODES, NATURAL, extent, member, job.seed)):
            rng = np.random.default_rng([job.seed, job.number, number, 7])
            take = CONDITIONS[job.conditions[number]](take, rng)
            film = Path(folder) / f"{number}.mp4"
            write_video(film, render(take.faces, PICTURE), FPS, quality=take.camera.quality)
            parts += _prepare(film, number, take, job.crop, beat)
            beat(float(number))
    arrays = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]} if parts else {}
    scratch = job.out.with_suffix(".tmp.npz")
    np.savez(scratch, allow_pickle=False, **arrays, frames_per_recording=np.int64(round(job.seconds * FPS)))
    scratch.replace(job.out)


def _prepare(film: Path, number: int, take: Take, crop: int, beat: Callable[[float], None]) -> list[dict[str, Any]]:
    """The records of one film as arrays, with what is true of each crop."""
    records: list[ClipRecord] = []
    ingest_file(film, film.name, IngestOptions(size=crop), records.append, beat)
    truth = _truth(take)
    return [
        {
            **record_arrays(record),
            "recording": np.full(len(record.time), number),
            "truth": truth[record.frame_index],
        }
        for record in records
    ]


def record_arrays(record: ClipRecord) -> dict[str, np.ndarray]:
    """The crops of a record in grey and what `prepare` says of each."""
    grey = [cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE) for frame in record.frames]
    return {
        "frames": np.stack([np.asarray(picture) for picture in grey]),
        "time": record.time,
        "measures": record.measures,
        "landmarks": record.landmarks,
        "track": np.full(len(grey), record.track),
        "segment": np.full(len(grey), record.segment),
    }


def _truth(take: Take) -> Float[np.ndarray, "n m"]:
    course, view = take.recording.course, take.faces.view
    columns = [course.pspi, *course.aus.T, course.plan.pain, np.degrees(view.yaw), np.degrees(view.pitch)]
    return np.stack(columns, axis=1).astype(np.float32)


def _ordinary(take: Take, rng: np.random.Generator) -> Take:
    """As the phantoms are filmed."""
    return take


def _unseen(take: Take, rng: np.random.Generator) -> Take:
    """A camera and light that no pretraining person was filmed by.

    Outside `sample_camera`'s ranges are where the light comes from (far aside, or from below), how little there is
    beside it, noise, blur, compression, and where the camera stands (15 to 22 degrees aside); the face is smaller.
    """
    faces, camera = take.faces, take.camera
    below = rng.uniform() < 0.5
    light = np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.8, -0.2), 1.0])
    if not below:
        light = np.array([rng.choice([-1, 1]) * rng.uniform(1.2, 2.2), rng.uniform(0.1, 0.9), 1.0])
    exposure = np.exp(rng.uniform(-0.2, 0.4))
    scene = faces.scene._replace(
        light=_every(light, faces.scene.light),
        glints=_every(glints(light), faces.scene.glints),
        ambient=_every(rng.uniform(0.24, 0.33), faces.scene.ambient),
        exposure=(faces.scene.exposure * exposure).astype(np.float32),
        noise=_every(rng.uniform(0.017, 0.022), faces.scene.noise),
        blur=_every(rng.uniform(0.0055, 0.007), faces.scene.blur),
    )
    aside = np.radians(rng.choice([-1, 1]) * rng.uniform(15, 22))
    view = faces.view._replace(
        yaw=(faces.view.yaw - camera.yaw + aside).astype(np.float32),
        scale=(faces.view.scale * rng.uniform(0.75, 0.85)).astype(np.float32),
    )
    quality = int(rng.integers(29, 33))
    return take._replace(faces=faces._replace(scene=scene, view=view), camera=camera._replace(quality=quality))


def _covered(take: Take, rng: np.random.Generator) -> Take:
    """An oxygen mask, a ventilator tube, a hand or a blanket over the lower face for the whole recording."""
    covers = take.faces.covers
    kind = ("oxygen_mask", "tube", "hand", "blanket")[int(rng.integers(4))]
    amount = {"hand": rng.uniform(0.7, 1.0), "blanket": rng.uniform(0.75, 1.0)}.get(kind, 1.0)
    changes = {kind: _every(amount, covers.hand), "hand_side": _every(rng.choice([-1.0, 1.0]), covers.hand)}
    return take._replace(faces=take.faces._replace(covers=covers._replace(**changes)))


def _every(value: Any, like: np.ndarray) -> np.ndarray:
    """The same value in every frame."""
    return np.broadcast_to(np.asarray(value, np.float32), like.shape).copy()


CONDITIONS: dict[str, Callable[[Take, np.random.Generator], Take]] = {
    "ordinary": _ordinary,
    "unseen": _unseen,
    "covered": _covered,
}
