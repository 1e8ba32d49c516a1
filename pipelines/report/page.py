"""`wince report`: one self-contained page from several runs, side by side, and `report.json`, which holds all of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.report import figures
from pipelines.report.content import content
from pipelines.report.gather import gathered
from pipelines.report.numbers import pointed
from pipelines.report.pages import as_json, check_page, page_environment, write_page
from pipelines.report.population import ladders
from pipelines.report.study import study_page
from pipelines.report.study_read import is_study, only_study
from pipelines.report.summary import headline

__all__ = ["headline", "render", "write_report"]


def write_report(folders: Sequence[Path], out: Path) -> int:
    """Writes the page, `report.json` beside it under the page's name, and its figures as PNG; returns the exit code.

    The first personalize run is the one that the others are compared with; pretraining runs add their curves. A run
    of a study has a page to itself. Raises `UserError` for folders that are no runs.
    """
    if any(map(is_study, folders)):
        return study_page(only_study(folders), out)
    check_page(out)
    text = as_json(gathered(folders))
    report = json.loads(text)
    pictures = {each["name"]: figures.draw(each) for each in report["figures"]}
    return write_page(out, render(report, pictures), text, pictures)


def render(report: dict[str, Any], pictures: dict[str, bytes]) -> str:
    """The page of a loaded `report.json` and the PNGs of its figures, by name."""
    loaded = pointed(report)
    template = page_environment(pictures).get_template("page.html")
    return template.render(report=loaded, ladders=ladders(loaded), **content(loaded))
