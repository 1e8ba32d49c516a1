"""`wince study` and `wince studies`: the review's systems, re-run as configs."""

from pipelines.study.cohorts import Given
from pipelines.study.command import run_study
from pipelines.study.every import run_studies

__all__ = ["Given", "run_studies", "run_study"]
