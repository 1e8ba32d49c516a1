"""A person in a cohort: folders and files called after them, their rows in any table, truth and codes included."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from pipelines.forget.change import Change, copy_without
from pipelines.forget.person import Person
from pipelines.forget.tables import count_lines, drop_lines

LIST = "participants.tsv"
TEXT_ENDINGS = (".tsv", ".csv", ".json", ".txt", ".md", ".tsv.gz")


def is_cohort(path: Path) -> bool:
    """Whether a folder is a cohort."""
    return (path / LIST).is_file()


def forget_in_cohort(cohort: Path, person: Person) -> Change | None:
    """What a cohort needs; None if the person is not there."""
    files = sum(1 for _ in _files_of(cohort, person))
    rows = sum(count_lines(table, person) for table in cohort.rglob("*.tsv"))
    if not files and not rows:
        return None
    return Change(
        cohort,
        f"{files} files, {rows} rows of tables",
        lambda new: copy_without(cohort, new, person.owns, lambda a, b: _edit(a, b, person)),
        lambda new: _traces(new, person),
    )


def _edit(file: Path, new: Path, person: Person) -> bool:
    if file.suffix != ".tsv" or not count_lines(file, person):
        return False
    drop_lines(file, new, person)
    return True


def _files_of(cohort: Path, person: Person) -> Iterator[Path]:
    for file in cohort.rglob("*"):
        if file.is_file() and any(person.owns(part) for part in (file, *file.relative_to(cohort).parents)):
            yield file


def _traces(cohort: Path, person: Person) -> set[str]:
    """Files and folders in whose name or text the person still is."""
    found = set()
    for path in cohort.rglob("*"):
        texts = [path.name]
        if path.is_file() and path.name.endswith(TEXT_ENDINGS):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            texts.append(content.decode("utf-8", "replace"))
        if any(map(person.mention.search, texts)):
            found.add(path.relative_to(cohort).as_posix())
    return found
