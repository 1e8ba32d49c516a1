"""A person in clip datasets, whole or still in the making."""

import json
import shutil
from collections import Counter
from pathlib import Path

from pipelines.forget.change import Change, copy_without
from pipelines.forget.person import Person
from pipelines.forget.tables import edit_parquet, rows_below
from pipelines.prepare.lock import working_in
from pipelines.prepare.merge import CONFIG, UNFINISHED, fill
from pipelines.prepare.partial import BEGUN, all_rows, pair, sweep
from pipelines.private import key_mark
from pretrain.clips.dataset import crop_size, read_clips
from pretrain.errors import UserError
from pretrain.footage.manifest import NAME, read_manifest

DATASET = "features.json"


def is_clips(path: Path) -> bool:
    """Whether a folder is a clip dataset, or the manifest of one without faces."""
    return (path / DATASET).is_file() or (path / NAME).is_file()


def is_dataset(path: Path) -> bool:
    """Whether a folder is a clip dataset with faces and a manifest."""
    return (path / DATASET).is_file() and (path / NAME).is_file()


def is_partial(path: Path) -> bool:
    """Whether a folder is one of work in progress."""
    return (path / BEGUN).is_file()


def sources_of(clips: Path) -> set[str]:
    """The sources of all rows of the manifest and all records, read from end to end."""
    return {*_rows(clips), *_records(clips)}


def forget_in_clips(clips: Path, person: Person) -> Change | None:
    """What a clip dataset needs; None if the person is not there. Raises `UserError` for a wrong or missing key."""
    _check_key(clips, person)
    config = _config(clips)
    rows, records = _rows(clips), _records(clips)
    gone, features = person.among({*rows, *records}), rows_below(clips, person)
    if not gone and not features:
        return None

    def write(new: Path) -> None:
        copy_without(clips, new, _is_of_dataset, lambda a, b: edit_parquet(a, b, person))
        kept = [row for name, row in rows.items() if name not in gone]
        size = config.get("size") or (crop_size(clips) if records else 0)
        text = (clips / CONFIG).read_text() if config else None
        fill(new, kept, (r for r in read_clips(clips) if r.source not in gone), size, text)

    counts = f"{sum(records[name] for name in gone)} records, {len(gone & rows.keys())} rows of the manifest"
    if features:
        counts += f", {len(features)} rows of features"
    return Change(clips, counts, write, lambda new: {*person.among(sources_of(new)), *rows_below(new, person)})


def forget_in_partial(folder: Path, person: Person) -> Change | None:
    """What a folder of work in progress needs; the same `prepare` would do the files again if they are still there.

    What is half done there may be anybody's, is worth nothing, and goes at once.
    """
    _check_key(folder, person)
    with working_in(folder):
        sweep(folder)
        shutil.rmtree(folder / UNFINISHED, ignore_errors=True)
        gone = person.among(row.file for row in all_rows(folder))
    if not gone:
        return None
    files = {file.name for name in gone for file in pair(folder, name)}

    return Change(
        folder,
        f"{len(gone)} finished files",
        lambda new: copy_without(folder, new, lambda path: path.name in files),
        lambda new: person.among(row.file for row in all_rows(new)),
    )


def _is_of_dataset(path: Path) -> bool:
    return path.name in (DATASET, "dataset_info.json", NAME, CONFIG) or ".array_record-" in path.name


def _rows(clips: Path) -> dict:
    return {row.file: row for row in read_manifest(clips)} if (clips / NAME).is_file() else {}


def _records(clips: Path) -> Counter[str]:
    return Counter(record.source for record in read_clips(clips)) if (clips / DATASET).is_file() else Counter()


def key_problem(place: Path, person: Person) -> str | None:
    """How clips or work in progress were prepared, if their names cannot be told with the person's key."""
    mark = _config(place).get("private")
    if mark is None or key_mark(person.key) == mark:
        return None
    return "with another key" if person.key else "with --private: name its key file"


def _check_key(place: Path, person: Person) -> None:
    if problem := key_problem(place, person):
        raise UserError(f"{place} was prepared {problem}; nothing was changed")


def _config(place: Path) -> dict:
    if is_partial(place):
        return json.loads((place / BEGUN).read_text())["config"]
    return json.loads((place / CONFIG).read_text()) if (place / CONFIG).is_file() else {}
