"""Runs: their tables can be cleaned, what they have learnt cannot."""

import json
from pathlib import Path

from pipelines.forget.change import Change, copy_without
from pipelines.forget.clips import is_clips, key_problem, sources_of
from pipelines.forget.person import Person
from pipelines.forget.tables import edit_parquet, rows_below


def is_run(path: Path) -> bool:
    """Whether a folder is a run."""
    return (path / "config.json").is_file() and any((path / n).exists() for n in ("environment.json", "checkpoints"))


def forget_in_run(run: Path, person: Person) -> Change | None:
    """What a run's predictions and files about single people need; None if the person is in none of them."""
    rows, files = rows_below(run, person), _files(run, person)
    if not rows and not files:
        return None
    return Change(
        run,
        f"{len(rows)} rows of predictions, {len(files)} files",
        lambda new: copy_without(run, new, person.owns, lambda a, b: edit_parquet(a, b, person)),
        lambda new: [*rows_below(new, person), *_files(new, person)],
    )


def what_was_learnt(run: Path, person: Person) -> str | None:
    """A line if the run was trained on, or scored with, the person, or if that cannot be told."""
    inputs = json.loads((run / "config.json").read_text()).get("inputs", {})
    if "clips" in inputs:
        clips = Path(inputs["clips"])
        if not is_clips(clips):
            return f"{run}: cannot tell, its clips are not at {clips} any more"
        if problem := key_problem(clips, person):
            return f"{run}: cannot tell, {clips} was prepared {problem}"
        return f"{run}: trained on {clips}" if person.among(sources_of(clips)) else None
    if rows_below(run, person):
        return f"{run}: its models and scores were made with this person"
    return None


def _files(run: Path, person: Person) -> list[str]:
    return [path.relative_to(run).as_posix() for path in run.rglob("*") if person.owns(path)]
