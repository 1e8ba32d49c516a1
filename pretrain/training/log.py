"""metrics.jsonl: one JSON object per line, the source of truth of a run's history."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

EVALUATION = "eval/"
"""How the names of evaluators' values begin."""


class MetricsLog:
    """Appends rows to metrics.jsonl; on resume, rows after the restored step are dropped.

    Of several processes the first alone writes (`writes`); the others know the same rows.
    """

    def __init__(self, path: Path, resume_step: int, *, writes: bool = True) -> None:
        self.rows = [row for row in read_metrics(path) if row["step"] <= resume_step] if path.exists() else []
        self._file = None
        if writes:
            scratch = path.with_suffix(".tmp")
            scratch.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
            scratch.replace(path)
            self._file = path.open("a")

    def write(self, step: int, values: Mapping[str, float]) -> dict[str, Any]:
        """Appends one row and returns it; NaN and infinity become null, as JSON has neither."""
        row = {"step": step} | {k: v if math.isfinite(v) else None for k, v in values.items()}
        self.rows.append(row)
        if self._file:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        return row

    def evaluated(self, step: int) -> bool:
        """Whether there is a row of evaluators' values of that step."""
        return any(name.startswith(EVALUATION) for row in self.rows if row["step"] == step for name in row)

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole rows of a metrics file; a last line cut off by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def scores(rows: Iterable[Mapping[str, Any]], name: str) -> dict[int, float]:
    """The value of one evaluator at every step where it was defined."""
    key = EVALUATION + name
    return {row["step"]: row[key] for row in rows if row.get(key) is not None}
