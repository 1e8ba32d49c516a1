"""Real processes: an evaluation killed with -9 at random moments ends with the same bytes."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.personalize.cohorts.cohort_worlds import linear_world

ROOT = Path(__file__).resolve().parents[2]
FILES = ("predictions.parquet", "results.json", "parameters.parquet", "config.json")


def command(world, out: Path) -> list[str]:
    """With a chosen number of people a run is some seconds of folds and as many of intervals."""
    words = ["-m", "pipelines.cli", "personalize", "personalize/ridge", "--cohort", str(world[0])]
    return [sys.executable, *words, "--features", str(world[1]), "--k", "1", "3", "--out", str(out)]


def finish(world, out: Path) -> float:
    start = time.monotonic()
    subprocess.run(command(world, out), cwd=ROOT, check=True, capture_output=True)
    return time.monotonic() - start


@pytest.mark.long
@pytest.mark.parametrize("most", [1, 3])
def test_killed_and_the_same_bytes(tmp_path, most):
    world = linear_world(tmp_path, people=8, units=10, width=6)
    whole, out, rng = tmp_path / "whole", tmp_path / "run", random.Random(7)
    took = finish(world, whole)
    kills = progress = 0
    while kills < most:
        process = subprocess.Popen(command(world, out), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(list((out / "cells").glob("*.parquet")))
        try:
            process.wait(rng.uniform(0.2, 1.0) * took)
            break  # it was quicker than the first one
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        progress += len(list((out / "cells").glob("*.parquet"))) - before
        assert len(list((out / "cells").glob("*.parquet"))) >= before
    assert kills > 0
    assert most == 1 or progress > 0 or (out / "results.json").exists()
    finish(world, out)
    assert [name for name in FILES if (out / name).read_bytes() != (whole / name).read_bytes()] == []
    assert not (out / "cells").exists()
