"""What workers of a test pool do; importable in spawned processes."""

import os
import time


def act(job, beat):
    """Does what the job says."""
    if job == "die":
        os._exit(3)
    if job == "hang":
        time.sleep(600)
    if job == "raise":
        raise ValueError("told to")
    if job == "slow":
        for i in range(12):
            beat(float(i))
            time.sleep(0.3)
    return f"{job} done"
