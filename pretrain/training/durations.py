"""Durations of training: a number of steps, or text such as "20 epochs", "1e6 examples" or "5 percent"."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator

Unit = Literal["steps", "epochs", "examples", "percent"]
_WORDS: dict[str, Unit] = {"": "steps", "step": "steps", "steps": "steps", "epoch": "epochs", "epochs": "epochs"}
_WORDS |= {"example": "examples", "examples": "examples", "percent": "percent", "%": "percent"}


@dataclass(frozen=True)
class Span:
    """A duration taken apart."""

    amount: Fraction
    """More than 0; exact, so that 5 percent of 1000 steps are 50 and not 51."""
    unit: Unit


def parse(duration: int | str) -> Span:
    """Takes a duration apart; a bare number counts steps.

    Raises `ValueError` for anything else, with the form that was expected.
    """
    found = re.fullmatch(r"([0-9.]+(?:e\+?[0-9]{1,3})?) *([a-z]*|%)", str(duration).strip().lower())
    try:
        if not found:
            raise ValueError
        amount, unit = Fraction(found[1]), _WORDS[found[2]]
    except (ValueError, KeyError):
        raise ValueError("should be a number of steps, or like '20 epochs', '1e6 examples' or '5 percent'") from None
    if amount <= 0 or (unit == "steps" and amount.denominator != 1):
        raise ValueError("should be more than 0" if amount <= 0 else "should be a whole number of steps")
    return Span(amount, unit)


def _checked(duration: int | str) -> int | str:
    span = parse(duration)
    return int(span.amount) if span.unit == "steps" else duration


Duration = Annotated[int | str, AfterValidator(_checked)]
"""Config value: steps as a number, other units as the text that `parse` takes."""


def to_steps(duration: int | str, *, total: int | None, examples_per_step: int, examples_per_epoch: int) -> int:
    """The number of steps that cover a duration, at least 1.

    An example is a clip (not a view of it), an epoch as many as one pass over the dataset draws
    (`ClipLoader.examples_per_epoch`), and a percent is of the `total` steps of the run.
    Raises `ValueError` for percent without a total.
    """
    span = parse(duration)
    if span.unit == "percent" and total is None:
        raise ValueError("percent of what? The length of the run itself needs steps, epochs or examples")
    one = {
        "steps": Fraction(1),
        "epochs": Fraction(examples_per_epoch, examples_per_step),
        "examples": Fraction(1, examples_per_step),
        "percent": Fraction(total or 0, 100),
    }
    return max(1, math.ceil(span.amount * one[span.unit]))
