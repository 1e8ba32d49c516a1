"""`wince personalize`: one model per person, and what it is worth."""

from pipelines.personalization.command import personalize
from pipelines.personalization.results import by_system

__all__ = ["by_system", "personalize"]
