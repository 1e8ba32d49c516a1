"""Which frames of a film are asked for: all of them, or few for a cheap pass."""

from collections.abc import Callable
from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, model_validator
from pydantic.dataclasses import dataclass as checked_dataclass

SLACK = 0.001
"""Seconds by which a frame may come before its tick: Matroska rounds times to milliseconds, so that every other frame
of a 30 fps film would otherwise miss its tick by a third of one."""


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Sampling:
    """Asks for every frame, or, with one of the three set, for fewer. Raises `ValueError` if two are set."""

    every: Annotated[int, Ge(1)] = 1
    """Every Nth decoded frame, from the first."""
    fps: Annotated[float, Gt(0), Le(1000)] | None = None
    """The first frame at or after each tick of 1/fps seconds, by presentation time; a frame is never given twice."""
    keyframes: bool = False
    """Key frames only; nothing else is decoded."""

    @model_validator(mode="after")
    def _only_one(self) -> "Sampling":
        chosen = [n for n, on in (("every", self.every > 1), ("fps", self.fps), ("keyframes", self.keyframes)) if on]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other; choose one")
        return self

    def picker(self) -> Callable[[int, float], bool]:
        """A function that is told index and time of all decoded frames in order, and says which are asked for."""
        if self.fps:
            return _Ticks(self.fps)
        every = self.every
        return lambda index, time: index % every == 0


class _Ticks:
    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._next = 0

    def __call__(self, index: int, time: float) -> bool:
        passed = int((time + SLACK) * self._fps)  # number of the last tick at or before the frame
        if passed < self._next:
            return False
        self._next = passed + 1
        return True
