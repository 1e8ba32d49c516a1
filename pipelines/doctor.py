"""`wince doctor`: checks that this machine has what is needed, and says what to do where it has not."""

import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pretrain.clips.dataset import ClipRecord

MIN_FREE_GB = 5.0


def doctor() -> int:
    """Prints one line per check; the exit code is 1 when one of them failed."""
    failed = 0
    for check in (_python, _packages, _devices, _face_finder, _video, _dataset, _disk, _memory):
        try:
            print(f"ok    {check.__name__[1:].replace('_', ' '):<12}{check()}")
        except Exception as error:
            failed += 1
            print(f"FAIL  {check.__name__[1:].replace('_', ' '):<12}{' '.join(str(error).split())[:200]}")
    print("all is well" if not failed else f"{failed} checks failed")
    return min(failed, 1)


def _python() -> str:
    return sys.version.split()[0]


def _packages() -> str:
    return ", ".join(f"{n} {version(n)}" for n in ("wince", "jax", "flax", "orbax-checkpoint", "tensorflow-datasets"))


def _devices() -> str:
    import jax
    import jax.numpy as jnp

    jnp.ones((8, 8)).sum().block_until_ready()
    return f"{len(jax.devices())} x {jax.devices()[0].device_kind}, {os.cpu_count()} CPU cores"


def _face_finder() -> str:
    from pretrain.footage.finders import make_finder

    make_finder("nets")
    return "nets"


def _video() -> str:
    import av

    wanted = {"h264", "hevc", "vp9", "av1", "mpeg4", "mpeg1video", "mjpeg"}
    missing = wanted - av.codecs_available
    if missing:
        raise RuntimeError(f"this build of PyAV cannot read {', '.join(sorted(missing))}")
    return f"PyAV {av.__version__} reads {', '.join(sorted(wanted))}"


def _dataset() -> str:
    from pretrain.clips.dataset import read_clips, write_clips

    with tempfile.TemporaryDirectory() as folder:
        write_clips([_one_record()], Path(folder), 8)
        if len(list(read_clips(Path(folder)))) != 1:
            raise RuntimeError("a record was written and did not come back")
    return "TFDS writes and reads ArrayRecord"


def _one_record() -> "ClipRecord":
    import cv2
    import numpy as np

    from pretrain.clips.dataset import MEASURES, QUALITY, ClipRecord

    shapes = {
        "box": (4,),
        "landmarks": (68, 2),
        "points": (5, 2),
        "measures": (len(MEASURES),),
        "quality": (len(QUALITY),),
    }
    arrays = {name: np.zeros((1, *shape), np.float32) for name, shape in shapes.items()}
    frame = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    return ClipRecord("x", 0, 0, [frame], np.zeros(1, np.int64), np.zeros(1), **arrays)


def _disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < MIN_FREE_GB:
        raise RuntimeError(f"{free:.1f} GB free here; crops of long footage need more than {MIN_FREE_GB:g}")
    return f"{free:.0f} GB free here"


def _memory() -> str:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{total:.0f} GB"
