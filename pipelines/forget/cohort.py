"""A person in a cohort: folders and files called after them, their rows in any table, truth and codes included."""

import gzip
from collections.abc import Iterator
from pathlib import Path

from pipelines.forget.change import Change, copy_without
from pipelines.forget.clips import forget_in_clips, is_dataset, sources_of
from pipelines.forget.person import Person
from pipelines.forget.tables import count_lines, drop_lines, edit_parquet, rows_below

LIST = "participants.tsv"
TEXT_ENDINGS = (".tsv", ".csv", ".json", ".txt", ".md", ".tsv.gz")


def is_cohort(path: Path) -> bool:
    """Whether a folder is a cohort."""
    return (path / LIST).is_file()


def forget_in_cohort(cohort: Path, person: Person) -> Change | None:
    """What a cohort needs, clips and features that lie in it too; None if the person is not there."""
    files = sum(1 for _ in _files_of(cohort, person))
    rows = sum(count_lines(table, person) for table in cohort.rglob("*.tsv")) + len(rows_below(cohort, person))
    clips = [change.removed for folder in _datasets(cohort) if (change := forget_in_clips(folder, person))]
    if not files and not rows and not clips:
        return None
    return Change(
        cohort,
        "; ".join([f"{files} files, {rows} rows of tables", *clips]),
        lambda new: copy_without(cohort, new, person.owns, lambda a, b: _edit(a, b, person)),
        lambda new: _traces(new, person),
    )


def _datasets(cohort: Path) -> list[Path]:
    return [folder for folder in cohort.rglob("*") if folder.is_dir() and is_dataset(folder)]


def _edit(file: Path, new: Path, person: Person) -> bool:
    if file.is_dir():
        change = forget_in_clips(file, person) if is_dataset(file) else None
        if change:
            change.write(new)
        return change is not None
    if file.suffix != ".tsv" or not count_lines(file, person):
        return edit_parquet(file, new, person)
    drop_lines(file, new, person)
    return True


def _files_of(cohort: Path, person: Person) -> Iterator[Path]:
    for file in cohort.rglob("*"):
        if file.is_file() and any(person.owns(part) for part in (file, *file.relative_to(cohort).parents)):
            yield file


def _traces(cohort: Path, person: Person) -> set[str]:
    """Files and folders in whose name or text the person still is, and what tables and clips still hold of them."""
    found = {*rows_below(cohort, person)}
    found |= {name for folder in _datasets(cohort) for name in person.among(sources_of(folder))}
    for path in cohort.rglob("*"):
        texts = [path.name]
        if path.is_file() and path.name.endswith(TEXT_ENDINGS):
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            texts.append(content.decode("utf-8", "replace"))
        if any(map(person.mention.search, texts)):
            found.add(path.relative_to(cohort).as_posix())
    return found
