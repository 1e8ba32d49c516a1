"""The page of a study's run: one published system, tested as it was and honestly, and the JSON that holds all of it."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.report import study_figure
from pipelines.report.gather import partition, records
from pipelines.report.numbers import pointed
from pipelines.report.pages import as_json, check_page, page_environment, write_page
from pipelines.report.study_content import study_content
from pipelines.report.study_facts import cells, findings, tested
from pipelines.report.study_read import read_study
from pretrain.errors import UserError

SCHEMA, FIGURE = "wince-study-report/1", "models"


def study_page(folder: Path, out: Path) -> int:
    """Writes the page of a study's run, its JSON under the page's name and its figure as PNG; returns the exit code.

    Raises `UserError` for a folder that is no such run or has no metrics yet, `RunFailure` for a number without its
    interval.
    """
    check_page(out)
    text = as_json(gathered_study(folder))
    report = json.loads(text)
    pictures = {each["name"]: study_figure.draw(each["data"]) for each in report["figures"]}
    return write_page(out, render_study(report, pictures), text, pictures)


def gathered_study(folder: Path) -> dict[str, Any]:
    """Everything that the page shows.

    Keys: schema, wince, made, folder, results (the whole `results.json`), config, environment, config_sha256, parts
    (what was counted of each of the results' parts: partition, findings), cells, tested, figures.
    """
    results = read_study(folder)
    if not any(part["metrics"] for part in results["parts"]):
        raise UserError(f"{folder} has no metrics yet: nothing to report; the command that began it goes on")
    figure = study_figure.entry(results)
    return {
        "schema": SCHEMA,
        "wince": version("wince"),
        "made": datetime.now(UTC).date().isoformat(),
        "folder": f"{folder.resolve().parent.name}/{folder.resolve().name}",
        "results": results,
        **records(folder),
        "parts": [{"partition": partition(part["proof"]), **_found(part)} for part in results["parts"]],
        "cells": cells(results),
        "tested": tested(results),
        "figures": [{"name": FIGURE, "kind": FIGURE, **figure}] if figure else [],
    }


def _found(part: dict[str, Any]) -> dict[str, Any]:
    return {"findings": findings(part), "n_findings": len(part["findings"])}


def render_study(report: dict[str, Any], pictures: dict[str, bytes]) -> str:
    """The page of loaded JSON and the PNG of its figure, by name."""
    loaded = pointed(report)
    return page_environment(pictures).get_template("study.html").render(report=loaded, **study_content(loaded))
