"""`wince studies`: every study that there is, and the league table."""

import importlib
from pathlib import Path

from personalize.studies.config import Sizes
from pipelines.study.command import run_study
from pipelines.study.league import write_league

COHORTS = "cohorts"


def run_studies(out: Path, *, size: Sizes = "default") -> int:
    """Runs all studies into `out`, which share their phantoms, and writes `league.html` and `league.csv` there.

    The same command again goes on. Returns the exit code; raises what `run_study` does.
    """
    names = study_names()
    for name in names:
        print(f"study {name}", flush=True)
        run_study(name, out / name, size=size, cohorts=out / COHORTS)
    return write_league([out / name for name in names], out / "league.html")


def study_names() -> list[str]:
    """The names of all configs of studies."""
    root = Path(importlib.import_module("configs.studies").__path__[0])
    return sorted(file.stem for file in root.glob("s*.py"))
