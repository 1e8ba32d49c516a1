"""Numbers that know where in `report.json` they stand, and how the page writes them.

Every number in the page is an element
`<data value="0.4213" data-at="/runs/0/results/metrics/12/value" data-format=".2f">0.42</data>`, of which `data-at` is a
JSON pointer (RFC 6901) into `report.json` and `data-format` a format of Python's, by which the text follows from the
value, with a true minus sign. A number without a pointer is refused, so none is in the page that is not in
`report.json`.
"""

import math
from typing import Any

import jinja2
from markupsafe import Markup


class Real(float):
    """A number of the report."""

    at: str


class Whole(int):
    """A whole number of the report."""

    at: str


def pointed(value: Any, at: str = "") -> Any:
    """JSON values whose numbers know their pointers."""
    if isinstance(value, dict):
        return {key: pointed(each, f"{at}/{_escaped(key)}") for key, each in value.items()}
    if isinstance(value, list):
        return [pointed(each, f"{at}/{place}") for place, each in enumerate(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    found = Whole(value) if isinstance(value, int) else Real(value)
    found.at = at
    return found


def written(value: Any, form: str | None = None) -> Markup:
    """The element of a number, by default with two decimals or as a whole number."""
    if not isinstance(value, Real | Whole):
        raise TypeError(f"{value!r} is not a number of report.json")
    form = form or ("d" if isinstance(value, Whole) else ".2f")
    return Markup('<data value="{}" data-at="{}" data-format="{}">{}</data>').format(
        repr(float(value)) if isinstance(value, Real) else int(value), value.at, form, plain(value, form)
    )


def plain(value: float, form: str) -> str:
    """A number as text.

    >>> plain(-0.1234, "+.2f"), plain(0.815, ".0%")
    ('−0.12', '82%')
    """
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def decimals(low: float, high: float) -> int:
    """So many that an interval shows two digits of its width, and two at least unless it is wide.

    >>> [decimals(0, width) for width in (30, 0.3, 0.03, 0.0)]
    [0, 2, 3, 2]
    """
    width = high - low
    if width <= 0:
        return 2
    wanted = 1 - math.floor(math.log10(width))
    return min(3, max(wanted, 2)) if width < 10 else max(0, wanted)


def interval_form(low: float, high: float, sign: bool = False) -> str:
    """The format of an estimate and of both ends of its interval."""
    return f"{'+' if sign else ''}.{decimals(low, high)}f"


def interval_text(row: dict[str, Any], value: str = "value", sign: bool = False) -> str:
    """An estimate with its interval as plain text, for captions and the terminal; or that it is undefined."""
    if row[value] is None:
        return "undefined"
    form = interval_form(row["low"], row["high"], sign)
    return f"{plain(row[value], form)} [{plain(row['low'], form)}, {plain(row['high'], form)}]"


def final(value: Any) -> Any:
    """What a template may print: text, and numbers of the report."""
    if value is None or isinstance(value, jinja2.Undefined):
        raise TypeError(f"nothing to print: {value!r}")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return written(value)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
