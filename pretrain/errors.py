"""Errors that are meant for the person at the keyboard."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake in a command, a config or a file: one line that says what, where and the nearest right thing.

    The command line prints it and exits with 2.
    """


class RunFailure(Exception):
    """Something went wrong that the user did not cause: one line; the command line exits with 1."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Ends an error message with the choice that was probably meant, or else with all of them.

    >>> nearest("stepz", ["steps", "seed"])
    "; did you mean 'steps'?"
    >>> nearest("x", ["steps", "seed"])
    '; known: seed, steps'
    """
    known = sorted(choices)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""
