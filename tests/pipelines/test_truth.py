"""What pretraining learns from is estimated from pixels: without the truth of a phantom cohort nothing changes."""

import shutil

import numpy as np
import pytest

from pipelines.cli import main
from pretrain.clips.loader import BatchConfig, ClipLoader
from pretrain.clips.tracks import ClipShape


@pytest.mark.slow
@pytest.mark.usefixtures("prepare_here")
def test_batches_are_the_same_without_the_truth(tmp_path):
    size = ["--participants", "2", "--recordings", "1", "--seconds", "8"]
    assert main(["phantom", "episodes", "--out", str(tmp_path / "seen"), *size]) == 0
    shutil.copytree(tmp_path / "seen", tmp_path / "blind")
    shutil.rmtree(tmp_path / "blind" / "derivatives" / "truth")
    batches = []
    for name in ("seen", "blind"):
        clips = tmp_path / f"{name}_clips"
        assert main(["prepare", str(tmp_path / name), "--out", str(clips), "--size", "48"]) == 0
        batch = BatchConfig(tracks=2, clips_per_track=3)
        loader = ClipLoader(clips, batch, ClipShape(frames=4, fps=10), channels=1, views=2, seed=0)
        batches.append(next(loader.batches()))
    seen, blind = batches
    assert seen.keys() == blind.keys()
    assert all((seen[key] == blind[key]).all() for key in seen)
    assert seen["known"].mean() > 0.5
    assert np.abs(seen["measures"]).max() > 0.5
