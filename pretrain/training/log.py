"""metrics.jsonl: one JSON object per line, the source of truth of a run's history."""

import json
import math
from pathlib import Path
from typing import Any


class MetricsLog:
    """Appends rows to metrics.jsonl; on resume, rows after the restored step are dropped."""

    def __init__(self, path: Path, resume_step: int) -> None:
        kept = [row for row in read_metrics(path) if row["step"] <= resume_step] if path.exists() else []
        scratch = path.with_suffix(".tmp")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in kept))
        scratch.replace(path)
        self._file = path.open("a")

    def write(self, step: int, values: dict[str, float]) -> dict[str, Any]:
        """Appends one row and returns it; NaN and infinity become null, as JSON has neither."""
        row = {"step": step} | {k: v if math.isfinite(v) else None for k, v in values.items()}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        return row

    def __enter__(self) -> "MetricsLog":
        return self

    def __exit__(self, *_: object) -> None:
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
