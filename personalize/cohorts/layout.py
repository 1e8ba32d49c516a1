"""A cohort on disk as three tables: participants, recordings, ratings.

The layout follows the habits of BIDS: `participants.tsv`, then `sub-XX/[ses-YY/]` with `*_video.mp4`,
`*_features.tsv`, `*_aus.tsv`, `*_landmarks.tsv.gz`, `*_physio.tsv.gz` and `*_events.tsv`. Only the `sub-*` folders are
searched, so the truth of a phantom (`derivatives/truth`) is never opened here.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from personalize.cohorts.cohort import (
    RATING_COLUMNS,
    Chooser,
    Cohort,
    chosen,
    cohort_name,
    rating_table,
    recording_table,
)
from personalize.cohorts.columns import read_tsv, require_columns, seconds, texts
from personalize.cohorts.identity import first_clash, same_person_key
from personalize.cohorts.scales import check_ratings, stated_scales
from personalize.cohorts.unbc import read_unbc
from pretrain.errors import UserError, nearest

VIDEO_ENDINGS = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
ENDINGS = {
    "video": VIDEO_ENDINGS,
    **dict.fromkeys(("features", "aus", "events"), frozenset({".tsv"})),
    **dict.fromkeys(("landmarks", "physio"), frozenset({".tsv.gz"})),
}
"""Of the files of each stream."""
READERS: dict[str, Callable[[Path, Chooser | None], Cohort]] = {"unbc": read_unbc}
"""Data sets that are read as they lie, by the word before their path: `unbc:/data/UNBC`."""


def read_cohort(path: Path, only: Chooser | None = None) -> Cohort:
    """Reads the three tables of a cohort; raises `UserError` for anything that does not keep to the layout.

    A path such as `unbc:/data/UNBC` is that of a data set with a layout of its own, one of `READERS`. `only` chooses
    people of a cohort that has no ratings yet; of nobody else is then a file of ratings opened.
    """
    name, colon, rest = str(path).partition(":")
    if colon and name in READERS:
        return READERS[name](Path(rest).expanduser(), only)
    participants = _read_participants(path)
    recordings = _find_recordings(path, texts(participants, "participant").tolist())
    name = cohort_name(path, otherwise=path.resolve().name)
    some = chosen(Cohort(path, name, participants, recordings, rating_table([])), only)
    return replace(some, ratings=_read_ratings(path, some.recordings))


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
    return recording_table({"participant": key[0], "recording": key[1], **entry} for key, entry in found.items())


def _stream_files(folder: Path) -> Iterator[tuple[Path, str, str, str]]:
    """Every stream file of a participant with its session, recording and kind."""
    for file in sorted(folder.rglob("*")):
        ending = "".join(file.suffixes[-2:]) if file.suffix == ".gz" else file.suffix
        stem, _, kind = file.name.removesuffix(ending).rpartition("_")
        if ending.lower() not in ENDINGS.get(kind, ()) or file.name.startswith(".") or not file.is_file():
            continue
        inside = file.relative_to(folder).parts
        session = inside[0] if len(inside) > 1 and inside[0].startswith("ses-") else ""
        yield file, session, _recording_name(folder.name, session, stem), kind


def _recording_name(participant: str, session: str, stem: str) -> str:
    """The file's BIDS entities; participant and session are put in front where the name lacks them."""
    rest = [part for part in stem.split("_") if part and part not in (participant, session)]
    return "_".join([participant, *([session] if session else []), *rest])


def _read_ratings(path: Path, recordings: pd.DataFrame) -> pd.DataFrame:
    tables = [
        _read_events(path / row["events"], path).assign(participant=row["participant"], recording=row["recording"])
        for row in recordings.to_dict("records")
        if row["events"]
    ]
    return rating_table(tables)


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
