"""Files of a phantom cohort: private folders, tables, JSON, ordinary videos; all of it or nothing."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
from jaxtyping import UInt8


@contextmanager
def whole_or_nothing(out: Path) -> Iterator[Path]:
    """A scratch folder beside `out` that takes its place at the end, or vanishes on failure."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        yield scratch
        if out.exists():
            out.rmdir()
        scratch.rename(out)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def parent(file: Path) -> Path:
    """The same path, its folder made for the owner alone (`parents=True` would not apply the mode to all)."""
    for folder in reversed(file.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    return file


def write_tsv(table: pd.DataFrame, path: Path) -> None:
    """A tab-separated table; missing values as BIDS writes them."""
    table.to_csv(path, sep="\t", index=False, float_format="%.6g", na_rep="n/a")


def write_json(content: dict[str, Any], path: Path) -> None:
    """Indented JSON."""
    path.write_text(json.dumps(content, indent=2) + "\n")


def write_video(path: Path, frames: UInt8[np.ndarray, "n height width 3"], fps: int, quality: int = 20) -> None:
    """Writes RGB frames as an ordinary mp4 (H.264, yuv420p) at a constant rate factor. Sides must be even."""
    # with macroblock trees x264 writes different bytes for the same frames now and then
    options = {"preset": "veryfast", "crf": str(quality), "x264-params": "mbtree=0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
