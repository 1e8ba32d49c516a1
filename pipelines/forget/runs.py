"""Runs: their tables can be cleaned, what they have learnt cannot."""

import json
from pathlib import Path

from pipelines.forget.change import Change, copy_without
from pipelines.forget.clips import is_clips, sources_of
from pipelines.forget.person import Person
from pipelines.forget.tables import drop_rows, named_rows, rows_of

TABLES = "*.parquet"


def is_run(path: Path) -> bool:
    """Whether a folder is a run."""
    return (path / "config.json").is_file() and any((path / n).exists() for n in ("environment.json", "checkpoints"))


def forget_in_run(run: Path, person: Person) -> Change | None:
    """What a run's predictions and files about single people need; None if the person is in none of them."""
    rows, files = _rows(run, person), _files(run, person)
    if not rows and not files:
        return None
    return Change(
        run,
        f"{len(rows)} rows of predictions, {len(files)} files",
        lambda new: copy_without(run, new, person.owns, lambda a, b: _edit(a, b, person)),
        lambda new: [*_rows(new, person), *_files(new, person)],
    )


def what_was_learnt(run: Path, person: Person) -> str | None:
    """A line if the run was trained on, or scored with, the person, or if that cannot be told."""
    inputs = json.loads((run / "config.json").read_text()).get("inputs", {})
    if "clips" in inputs:
        clips = Path(inputs["clips"])
        if not is_clips(clips):
            return f"{run}: cannot tell, its clips are not at {clips} any more"
        return f"{run}: trained on {clips}" if person.among(sources_of(clips)) else None
    if _rows(run, person):
        return f"{run}: its models and scores were made with this person"
    return None


def _rows(run: Path, person: Person) -> list[str]:
    return [row for table in sorted(run.rglob(TABLES)) for row in named_rows(table, person)]


def _files(run: Path, person: Person) -> list[str]:
    return [path.relative_to(run).as_posix() for path in run.rglob("*") if person.owns(path)]


def _edit(file: Path, new: Path, person: Person) -> bool:
    if file.suffix != ".parquet" or not (gone := rows_of(file, person)).any():
        return False
    drop_rows(file, new, gone)
    return True
