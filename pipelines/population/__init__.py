"""`wince personalize` with a ladder: a model brought to a new population, with the labels of few of its people."""

from pipelines.population.command import evaluate_population

__all__ = ["evaluate_population"]
