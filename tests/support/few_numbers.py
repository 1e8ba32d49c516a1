"""Runs of `wince personalize` without baselines, comparisons and further intervals, which take most of their time.

For tests of what comes before and after the numbers. As a command of its own, for processes that are killed:

    python -m tests.support.few_numbers WORDS
"""

import sys
from collections.abc import Callable
from typing import Any

from pipelines.cli import main
from pipelines.personalization import command, folds


def leave_out(put: Callable[[Any, str, Any], None]) -> None:
    """`put` is `setattr`, or a monkeypatch's, which takes it back."""
    put(folds, "BASELINES", {})
    for name in ("comparison_rows", "all_intervals"):
        put(command.rows, name, lambda *_: [])


if __name__ == "__main__":
    leave_out(setattr)
    sys.exit(main())
