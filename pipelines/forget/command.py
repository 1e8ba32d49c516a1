"""The command itself."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.forget.change import carry_out
from pipelines.forget.person import Person
from pipelines.forget.places import find_places
from pipelines.forget.runs import is_run, what_was_learnt
from pipelines.private import read_key
from pretrain.errors import UserError


def forget(participant: str, paths: Sequence[Path], *, private: Path | None = None) -> int:
    """Removes a person from all places in or under `paths`, or from none, and lists the runs trained on them.

    Every new place is read from end to end and must hold nothing of the person before it takes the stead of the old
    one. `private` is the key file of clips that were prepared with one. Returns the exit code; raises `UserError`
    when a path is not there or holds no known kind of place, and when the person is nowhere, and then changes nothing.
    """
    person = Person(participant, read_key(private) if private else None)
    places, others, recovered = find_places(paths)
    changes = [change for place in places if (change := place.forget(place.path, person))]
    learnt = [line for place in places if is_run(place.path) and (line := what_was_learnt(place.path, person))]
    if recovered:
        print("an interrupted `wince forget` was brought to its end")
    if not changes and not learnt and not recovered:
        where = f"{len(places)} places" if len(places) > 1 else str(places[0].path)
        raise UserError(f"no such person in {where}; nothing was changed")
    if learnt:  # said first: nobody can tell any more once the person has left the clips
        print("What these runs have learnt cannot be removed: delete them, and train again if need be.")
        print("\n".join(f"  {line}" for line in learnt), flush=True)
    if changes:
        carry_out(changes)
    for change in changes:
        print(f"{change.path}: {change.removed} removed; read again: 0 left")
    if others:
        print(f"not looked into: {len(others)} links or files of other kinds, such as {others[0]}")
    return 0
