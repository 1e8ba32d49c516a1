"""A cohort on disk as three tables: participants, recordings, ratings.

The layout follows the habits of BIDS: `participants.tsv`, then `sub-XX/[ses-YY/]` with `*_video.mp4`,
`*_features.tsv` and `*_events.tsv`. Only the `sub-*` folders are searched, so the truth of a phantom
(`derivatives/truth`) is never opened here.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.columns import read_tsv, require_columns, seconds, texts
from personalize.cohorts.identity import first_clash, same_person_key
from personalize.cohorts.scales import check_ratings, stated_scales
from pretrain.errors import UserError, nearest

VIDEO_ENDINGS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
RATING_COLUMNS = ("onset", "duration", "scale", "value", "rater")


@dataclass(frozen=True)
class Cohort:
    """Participants, recordings and ratings; every table may be empty but has its columns."""

    root: Path
    name: str
    participants: pd.DataFrame
    """`participant`, then whatever else `participants.tsv` says, as text."""
    recordings: pd.DataFrame
    """`participant, recording, session, video, features, events`; paths are relative to the root, "" if none.

    Sorted by participant, then by recording with numbers in numeric order: that is their order in time.
    """
    ratings: pd.DataFrame
    """`participant, recording, onset, duration, scale, value, rater`; times in seconds, values as text."""


def read_cohort(path: Path, only: Callable[["Cohort"], frozenset[str]] | None = None) -> Cohort:
    """Reads the three tables of a cohort; raises `UserError` for anything that does not keep to the layout.

    `only` chooses people of a cohort that has no ratings yet; of nobody else is then a file of ratings opened.
    """
    participants = _read_participants(path)
    recordings = _find_recordings(path, texts(participants, "participant").tolist())
    whole = Cohort(path, _name(path), participants, recordings, _read_ratings(path, recordings.iloc[:0]))
    if only is not None:
        people = [*only(whole)]
        participants, recordings = (
            table.iloc[np.flatnonzero(np.isin(texts(table, "participant"), people))].reset_index(drop=True)
            for table in (participants, recordings)
        )
    return replace(whole, participants=participants, recordings=recordings, ratings=_read_ratings(path, recordings))


def choose_target(cohort: Cohort, target: str | None) -> str:
    """The rating scale to predict: the one named, or with None the cohort's only one; else `UserError`."""
    scales = sorted(cohort.ratings["scale"].dropna().unique())
    if target is None and len(scales) == 1:
        return scales[0]
    if target is None:
        raise UserError(f"{cohort.root} is rated on {len(scales)} scales, say which is the target{nearest('', scales)}")
    if target not in scales:
        raise UserError(f"{cohort.root} has no ratings on the scale {target!r}{nearest(target, scales)}")
    return target


def _name(path: Path) -> str:
    file = path / "dataset_description.json"
    if not file.is_file():
        return path.resolve().name
    try:
        return str(json.loads(file.read_text())["Name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: not a JSON object with a 'Name'") from error


def _read_participants(path: Path) -> pd.DataFrame:
    if not path.is_dir():
        raise UserError(f"no cohort at {path}: no such folder")
    file = path / "participants.tsv"
    if not file.is_file():
        raise UserError(f"{path} is not a cohort: no participants.tsv there{_close_file(path)}")
    table = read_tsv(file)
    require_columns(table, ("participant_id",), file)
    names = texts(table, "participant_id").tolist()
    for row, name in enumerate(names):
        if not re.fullmatch(r"sub-[A-Za-z0-9]+", name):
            raise UserError(f"{file}, row {row + 2}: {name!r} is not of the form sub-<letters and digits>")
    if clash := first_clash(names):
        raise UserError(f"{file}: {clash[0]!r} and {clash[1]!r} name the same participant twice")
    return table.rename(columns={"participant_id": "participant"})


def _close_file(path: Path) -> str:
    hint = nearest("participants.tsv", (entry.name for entry in path.iterdir()))
    return hint if "did you mean" in hint else ""


def _find_recordings(path: Path, participants: list[str]) -> pd.DataFrame:
    known = {same_person_key(name): name for name in participants}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for folder in sorted(entry for entry in path.glob("sub-*") if entry.is_dir()):
        if folder.name not in participants:
            meant = known.get(same_person_key(folder.name))
            hint = f"; did you mean {meant!r}?" if meant else nearest(folder.name, participants)
            raise UserError(f"{folder} has no row in participants.tsv{hint}")
        for file, session, recording, kind in _stream_files(folder):
            entry = found.setdefault((folder.name, recording), {"session": session})
            relative = file.relative_to(path).as_posix()
            if kind in entry:
                raise UserError(f"{path}: {entry[kind]} and {relative} are two {kind} files of {recording}")
            entry[kind] = relative
    columns = ("session", "video", "features", "events")
    rows = [(*key, *(entry.get(c, "") for c in columns)) for key, entry in found.items()]
    rows.sort(key=lambda row: (_natural(row[0]), _natural(row[1])))
    return pd.DataFrame(rows, columns=["participant", "recording", *columns], dtype=object)


def _stream_files(folder: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Every stream file of a participant with its session, recording and kind (video, features, events)."""
    for file in sorted(folder.rglob("*")):
        stem, _, kind = file.stem.rpartition("_")
        wanted = VIDEO_ENDINGS if kind == "video" else {".tsv"} if kind in ("features", "events") else frozenset()
        if file.suffix.lower() not in wanted or file.name.startswith(".") or not file.is_file():
            continue
        inside = file.relative_to(folder).parts
        session = inside[0] if len(inside) > 1 and inside[0].startswith("ses-") else ""
        yield file, session, _recording_name(folder.name, session, stem), kind


def _recording_name(participant: str, session: str, stem: str) -> str:
    """The file's BIDS entities; participant and session are put in front where the name lacks them."""
    rest = [part for part in stem.split("_") if part and part not in (participant, session)]
    return "_".join([participant, *([session] if session else []), *rest])


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _read_ratings(path: Path, recordings: pd.DataFrame) -> pd.DataFrame:
    tables = [
        _read_events(path / row["events"], path).assign(participant=row["participant"], recording=row["recording"])
        for row in recordings.to_dict("records")
        if row["events"]
    ]
    columns = ["participant", "recording", *RATING_COLUMNS]
    if not tables:
        return pd.DataFrame({column: [] for column in columns})
    return pd.DataFrame(pd.concat(tables, ignore_index=True), columns=columns)


def _read_events(file: Path, root: Path) -> pd.DataFrame:
    table = read_tsv(file)
    require_columns(table, RATING_COLUMNS, file)
    onset, duration = seconds(table, "onset", file), np.nan_to_num(seconds(table, "duration", file))
    if np.isnan(onset).any():
        raise UserError(f"{file}, row {int(np.isnan(onset).argmax()) + 2}: onset is missing")
    if (duration < 0).any():
        raise UserError(f"{file}, row {int((duration < 0).argmax()) + 2}: duration is negative")
    check_ratings(table, stated_scales(root, file), file)
    return table.assign(onset=onset, duration=duration)
