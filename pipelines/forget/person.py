"""Who is to be forgotten, and which names are that person's."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipelines.private import hide_part, parts_of


class Person(NamedTuple):
    """A participant as named on the command line, and the key of `--private` if one was given."""

    name: str
    key: bytes | None

    @property
    def subject(self) -> str:
        """The name as cohorts write it: `sub-<ID>`."""
        return self.name if self.name.startswith("sub-") else f"sub-{self.name}"

    def among(self, sources: Iterable[str]) -> set[str]:
        """The sources that are this person's.

        Those with the part `sub-<ID>`; where no source has it, those with a folder or stem that equals the name.
        """
        parts = {source: parts_of(source) for source in sources}
        for word in (self.subject, self.name):
            words = {word, *([hide_part(word, self.key)] if self.key else [])}
            if found := {source for source, those in parts.items() if those & words}:
                return found
        return set()

    def owns(self, path: Path) -> bool:
        """Whether a file or folder is called after this person."""
        return bool(self.mention.match(path.name))

    @property
    def mention(self) -> re.Pattern[str]:
        """Finds `sub-<ID>` as a word of its own."""
        return re.compile(rf"(?<![A-Za-z0-9]){re.escape(self.subject)}(?![A-Za-z0-9])")
