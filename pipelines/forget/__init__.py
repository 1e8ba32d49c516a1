"""`wince forget`: a person leaves clips, cohorts, features and predictions."""

from pipelines.forget.command import forget

__all__ = ["forget"]
