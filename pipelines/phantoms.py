"""`wince phantom`: synthetic patients as ordinary files."""

from pathlib import Path

from personalize.phantom import write_cohort
from pipelines.progress import progress


def write_phantoms(
    out: Path, *, participants: int, seed: int, seconds: float = 16.0, ratings: bool = True, first: int = 1
) -> int:
    """Writes a cohort with two recordings a participant; returns the exit code."""
    with progress("phantom", 2 * participants) as meter:
        write_cohort(
            out,
            participants=participants,
            seed=seed,
            seconds=seconds,
            ratings=ratings,
            first=first,
            progress=lambda done, total: meter.update(done),
        )
    print(f"{participants} participants, {2 * participants} recordings of {seconds:g} s: {out}")
    return 0
