"""What a cohort states of its rating scales, and ratings that cannot be theirs refused.

Scales are stated as BIDS describes columns, in a JSON under the scale's name: `{"vas": {"Minimum": 0, "Maximum": 10}}`
or `{"state": {"Levels": {"rest": "...", "pain": "..."}}}` (or a list), in `events.json` for the whole cohort and in
`*_events.json` beside one table. Of a scale that is not stated nothing is refused.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from personalize.cohorts.columns import missing, texts
from pretrain.errors import UserError, nearest


class Scale(NamedTuple):
    """What a rating may be."""

    least: float = -np.inf
    most: float = np.inf
    levels: tuple[str, ...] = ()
    """All there are; () where they are not stated."""


def stated_scales(root: Path, events: Path) -> dict[str, Scale]:
    """The scales of a table of ratings; what stands beside it goes before what the cohort's root says."""
    return {**_read(root / "events.json"), **_read(events.with_suffix(".json"))}


def check_ratings(table: pd.DataFrame, scales: dict[str, Scale], file: Path) -> None:
    """Raises `UserError` naming the first rating that is not on its scale."""
    names, words, none = texts(table, "scale"), texts(table, "value"), missing(table, "value")
    for name, scale in scales.items():
        own = np.flatnonzero((names == name) & ~none)
        values = np.asarray(pd.to_numeric(pd.Series(words[own], dtype=object), errors="coerce"), dtype=float)
        for row, value in zip(own.tolist(), values.tolist(), strict=True):
            if reason := _wrong(str(words[row]).strip(), value, scale):
                raise UserError(
                    f"{file}, row {row + 2}: rating {str(words[row])!r} is not on the scale {name!r}: {reason}"
                )


def _wrong(word: str, value: float, scale: Scale) -> str | None:
    bounded = np.isfinite(scale.least) or np.isfinite(scale.most)
    if bounded and not scale.least <= value <= scale.most:
        return f"it goes from {scale.least:g} to {scale.most:g}"
    if not scale.levels or word in scale.levels or any(_number(level) == value for level in scale.levels):
        return None
    return f"not one of its {len(scale.levels)} levels{nearest(word, scale.levels)}"


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _read(file: Path) -> dict[str, Scale]:
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text())
        return {name: _scale(about) for name, about in found.items() if isinstance(about, dict)}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f"{file}: not a JSON object of scales with Minimum, Maximum or Levels") from error


def _scale(about: dict[str, Any]) -> Scale:
    levels = about.get("Levels", ())
    if not isinstance(levels, dict | list | tuple):
        raise TypeError("levels")
    return Scale(
        float(about.get("Minimum", -np.inf)), float(about.get("Maximum", np.inf)), tuple(str(level) for level in levels)
    )
