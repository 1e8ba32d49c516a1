"""Runs: their tables can be cleaned, what they have learnt cannot."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from personalize.adaptation.files import ENDING
from pipelines.forget.change import Change, copy_without
from pipelines.forget.clips import is_clips, key_problem, sources_of
from pipelines.forget.person import Person
from pipelines.forget.tables import edit_parquet, rows_below, rows_of
from pipelines.personalization.command import PARAMETERS, RESULTS
from pipelines.personalization.people import FOLDER as PEOPLE

GONE, LEARNED = "(forgotten)", "learned"


def is_run(path: Path) -> bool:
    """Whether a folder is a run."""
    return (path / "config.json").is_file() and any((path / n).exists() for n in ("environment.json", "checkpoints"))


def forget_in_run(run: Path, person: Person) -> Change | None:
    """What a run's predictions and files about single people need; None if the person is in none of them."""
    rows, files, lines = rows_below(run, person), _files(run, person), _mentions(run, person)
    if not rows and not files and not lines:
        return None
    return Change(
        run,
        f"{len(rows)} rows of predictions and features, {len(files)} files, {len(lines)} mentions in results",
        lambda new: copy_without(run, new, partial(_is_dropped, person, _reports(run, person)), partial(_edit, person)),
        lambda new: [*rows_below(new, person), *_files(new, person), *_mentions(new, person)],
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
    if rows_below(run, person) or _files(run, person):
        others = [f for f in (run / PEOPLE).glob(f"*{ENDING}") if not _is_theirs(person, f)]
        kept = f"; it keeps {len(others)} models of other people that were" if others else ""
        return f"{run}: its models and scores were made with this person among others{kept}"
    return None


def _files(run: Path, person: Person) -> list[str]:
    reports = _reports(run, person)
    return [path.relative_to(run).as_posix() for path in run.rglob("*") if _is_dropped(person, reports, path)]


def _is_dropped(person: Person, reports: set[Path], path: Path) -> bool:
    return path in reports or _is_theirs(person, path)


def _reports(run: Path, person: Person) -> set[Path]:
    """Pages that show the person, with what lies beside them; `wince report` makes them again without."""
    pages = [page for page in run.rglob("*.htm*") if person.mention.search(page.read_text(errors="replace"))]
    beside = [(page, page.with_suffix(".json"), page.with_name(f"{page.stem}_figures")) for page in pages]
    return {path for paths in beside for path in paths if path.exists()}


def _is_theirs(person: Person, path: Path) -> bool:
    """Whether a file or folder is called after the person; the name of a cohort may come first in that of a model."""
    return person.owns(path) or person.owns(path.with_name(path.name.rpartition("%2F")[2] or path.name))


def _edit(person: Person, file: Path, new: Path) -> bool:
    if file.name == RESULTS and file.is_file():
        new.write_text(json.dumps(_without(json.loads(file.read_text()), person), indent=2) + "\n")
    elif file.name == PARAMETERS and file.is_file():
        table = pd.read_parquet(file)[~rows_of(file, person)]
        learned = [json.dumps(_without(json.loads(text), person)) for text in table[LEARNED]]
        table.assign(**{LEARNED: learned}).reset_index(drop=True).to_parquet(new)
    else:
        return edit_parquet(file, new, person)
    new.chmod(file.stat().st_mode & 0o777)
    return True


def _mentions(run: Path, person: Person) -> list[str]:
    """Where the person's name is in results and parameters: who was in a fold, or was not tested and why."""
    texts = {file: file.read_text() for file in sorted(run.rglob(RESULTS))}
    for file in sorted(run.rglob(PARAMETERS)):
        texts[file] = "\n".join(pd.read_parquet(file, columns=[LEARNED])[LEARNED])
    return [f"{f.relative_to(run).as_posix()}" for f, text in texts.items() for _ in person.mention.finditer(text)]


def _without(value: Any, person: Person) -> Any:
    """The JSON value without entries of the person's name; a longer text has another word in its stead."""
    if isinstance(value, dict):
        return {key: _without(each, person) for key, each in value.items() if not person.mention.fullmatch(key)}
    if isinstance(value, list):
        return [_without(each, person) for each in value if not _names(each, person)]
    return person.mention.sub(GONE, value) if isinstance(value, str) else value


def _names(value: Any, person: Person) -> bool:
    """Whether an entry of a list is the person's name, or a row of the person."""
    name = value.get("participant") if isinstance(value, dict) else value
    return isinstance(name, str) and bool(person.mention.fullmatch(name))
