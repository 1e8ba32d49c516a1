"""How pages are made: templates that can print nothing but text and numbers of a JSON file, and that file beside them.

Pages stand alone: figures are in them, and PNGs of these lie beside them for whoever wants to use one.
"""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.report import words
from pipelines.report.figures import file_name
from pipelines.report.numbers import final, interval_form, written
from pipelines.report.summary import verdict
from pipelines.run_folder import write_text
from pretrain.errors import UserError

INTERVAL = '{} <span class="ci">[{}, {}]</span>'


def check_page(out: Path) -> None:
    """Raises `UserError` unless `out` is the name of a page."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {out}: a report is a page, such as report.html")


def as_json(report: Any) -> str:
    """What is written beside a page."""
    return json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def write_page(out: Path, page: str, text: str, pictures: Mapping[str, bytes]) -> int:
    """Writes a page, its JSON (`text`) under the page's name and the PNGs of its figures; returns the exit code."""
    out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = out.with_suffix("").with_name(out.stem + "_figures")
    beside.mkdir(mode=0o700, exist_ok=True)
    for name, data in pictures.items():
        (beside / f"{file_name(name)}.png").write_bytes(data)
    write_text(out.with_suffix(".json"), text)
    write_text(out, page)
    print(f"report: {out}")
    return 0


def page_environment(pictures: Mapping[str, bytes]) -> jinja2.Environment:
    """The templates and what all of them use; `pictures` are PNGs of figures by name."""
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
    return environment


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
