"""What workers of a test pool do; importable in spawned processes."""

import os
import time
from pathlib import Path

from pretrain.errors import RunFailure


def act(job, beat):
    """Does what the job says."""
    if job == "die":
        os._exit(3)
    if job == "hang":
        time.sleep(600)
    if job == "raise":
        raise ValueError("told to")
    if job == "full":
        raise RunFailure("no room on the disk")
    if isinstance(job, Path):
        while True:  # shows for as long as it lives that it lives
            job.write_text(str(os.getpid()))
            beat(lambda: 0.0)
            time.sleep(0.05)
    if job == "slow":
        for i in range(12):
            beat(float(i))
            time.sleep(0.3)
    return f"{job} done"
