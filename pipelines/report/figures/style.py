"""How all figures look: drawn without a display, on white, told apart by shape as well as by colour."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED = "#1d2733", "#6b7686"
BETTER, WORSE = "#0b6aa8", "#b3402e"
SERIES = (INK, "#c25400", "#0b6aa8", "#00795a", "#a3487e", MUTED)
"""Colours that people who cannot see some of them tell apart (after Okabe & Ito 2008)."""
MARKERS, LINES = ("o", "s", "^", "D", "v", "P"), ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
WIDTH = 8.2
"""Inches."""
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    "text.parse_math": False,  # names of people and classes are no formulas
    "xtick.color": INK,
    "ytick.color": INK,
}


def panels(height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """An empty figure and its panels; to be called, as what draws into them, within `styled`."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()


def styled() -> Any:
    """The context in which figures are drawn."""
    return mpl.rc_context(STYLE)


def series(number: int) -> dict[str, Any]:
    """Colour, marker and line of a series by its number."""
    place = number % len(SERIES)
    return {"color": SERIES[place], "marker": MARKERS[place], "linestyle": LINES[place]}


def png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def number(value: float | None) -> float:
    """A value of a figure, which may be undefined."""
    return float("nan") if value is None else value
