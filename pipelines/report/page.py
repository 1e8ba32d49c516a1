"""`wince report`: one self-contained page from several runs, side by side, and `report.json`, which holds all of it."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.report import figures, words
from pipelines.report.content import content
from pipelines.report.gather import gathered
from pipelines.report.numbers import final, interval_form, pointed, written
from pipelines.report.population import ladders
from pipelines.report.summary import headline, verdict
from pipelines.run_folder import write_text
from pretrain.errors import UserError

__all__ = ["headline", "render", "write_report"]

INTERVAL = '{} <span class="ci">[{}, {}]</span>'


def write_report(folders: Sequence[Path], out: Path) -> int:
    """Writes the page, `report.json` beside it under the page's name, and its figures as PNG; returns the exit code.

    The first personalize run is the one that the others are compared with; pretraining runs add their curves.
    Raises `UserError` for folders that are no runs.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {out}: a report is a page, such as report.html")
    text = json.dumps(gathered(folders), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    report = json.loads(text)
    pictures = {each["name"]: figures.draw(each) for each in report["figures"]}
    page = render(report, pictures)
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = out.with_suffix("").with_name(out.stem + "_figures")
    beside.mkdir(mode=0o700, exist_ok=True)
    for name, data in pictures.items():
        (beside / f"{figures.file_name(name)}.png").write_bytes(data)
    write_text(out.with_suffix(".json"), text)
    write_text(out, page)
    print(f"report: {out}")
    return 0


def render(report: dict[str, Any], pictures: dict[str, bytes]) -> str:
    """The page of a loaded `report.json` and the PNGs of its figures, by name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        finalize=final,
    )
    environment.filters |= {"as": written, "unbroken": _unbroken, "capitalize_first": lambda t: t[:1].upper() + t[1:]}
    environment.globals |= {
        "interval": _interval,
        "limits": _limits,
        "percent": _percent,
        "verdict": verdict,
        "head": words.head,
        "metric_name": words.metric_name,
        "meant": words.MEANT,
        "adaptation": lambda side: words.label(("", side["adaptation"], side.get("k", 0)), system=False),
        "png": lambda name: base64.b64encode(pictures[name]).decode(),
        "dumped": lambda record: json.dumps(record, indent=1, ensure_ascii=False),
    }
    loaded = pointed(report)
    return environment.get_template("page.html").render(report=loaded, ladders=ladders(loaded), **content(loaded))


def _interval(row: dict[str, Any], column: str = "value", sign: bool = False) -> Markup:
    """An estimate and its interval, with the same decimals."""
    return _limits(row[column], row["low"], row["high"], sign)


def _limits(value: Any, low: Any, high: Any, sign: bool = False) -> Markup:
    form = interval_form(low, high, sign)
    return Markup(INTERVAL).format(*(written(each, form) for each in (value, low, high)))


def _percent(row: dict[str, Any]) -> Markup:
    """A share and its interval, in percent."""
    return Markup(INTERVAL).format(*(written(row[key], ".0%") for key in ("value", "low", "high")))


def _unbroken(text: str) -> str:
    return text.replace("k = ", "k\u00a0=\u00a0")
