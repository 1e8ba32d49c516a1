"""Where a person can be: the places that the paths of the command name or hold."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines.forget.change import NEW, OLD, Change, recover
from pipelines.forget.clips import forget_in_clips, forget_in_partial, is_clips, is_partial
from pipelines.forget.cohort import forget_in_cohort, is_cohort
from pipelines.forget.person import Person
from pipelines.forget.runs import forget_in_run, is_run
from pipelines.forget.tables import forget_in_parquet, forget_in_people_table, is_people_table
from pipelines.prepare.partial import partial_folder
from pretrain.errors import UserError, nearest

Forget = Callable[[Path, Person], Change | None]
KINDS: Sequence[tuple[Callable[[Path], bool], Forget]] = (
    (is_clips, forget_in_clips),
    (is_partial, forget_in_partial),
    (is_cohort, forget_in_cohort),
    (is_run, forget_in_run),
    (lambda path: path.suffix == ".parquet" and path.is_file(), forget_in_parquet),
    (is_people_table, forget_in_people_table),
)
"""How each kind of place is known, and what makes it forget."""


class Place(NamedTuple):
    """Somewhere a person can be."""

    path: Path
    forget: Forget


def find_places(paths: Sequence[Path]) -> tuple[list[Place], list[Path], bool]:
    """The places in or under `paths`, links and files there of no known kind, and whether an interrupted run was put in
    order.

    Raises `UserError` for a path that is not there or holds no place.
    """
    paths = [Path(os.path.realpath(path)) for path in paths]  # the person is where a link leads to
    recovered = [place for path in paths for place in _interrupted(path) if recover(place)]
    places: dict[Path, Place] = {}
    others: list[Path] = []
    for path in paths:
        if not path.exists():
            siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise UserError(f"{path}: no such file or folder{nearest(path.name, siblings)}")
        found = list(_search(path))
        if not any(isinstance(one, Place) for one in found):
            raise UserError(f"{path} holds no clips, cohort, features or run")
        places |= {one.path: one for one in found if isinstance(one, Place)}
        others += [one for one in found if isinstance(one, Path)]
    return list(places.values()), others, bool(recovered)


def _search(path: Path) -> Iterator[Place | Path]:
    if path.is_symlink():  # replacing the link would leave the person where it leads to
        yield path
        return
    for is_kind, forget in KINDS:
        if is_kind(path):
            yield Place(path, forget)
            if forget is forget_in_clips and is_partial(partial_folder(path)):
                yield Place(partial_folder(path), forget_in_partial)
            return
    if path.is_dir():
        for entry in sorted(path.iterdir()):
            yield from _search(entry)
    else:
        yield path


def _interrupted(path: Path) -> set[Path]:
    """The path itself, and what a killed run was at work on below it."""
    below = [entry for end in (OLD, NEW) for entry in (path.rglob(f".*{end}") if path.is_dir() else ())]
    return {path, *(e.with_name(e.name.removeprefix(".").removesuffix(OLD).removesuffix(NEW)) for e in below)}
