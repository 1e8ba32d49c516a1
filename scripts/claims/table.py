"""The cells as a table, and which of the marks they miss."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.stats

from personalize.evaluation.claims import INCONCLUSIVE, NOT_SUPPORTED, SUPPORTED, UNDEFINED
from scripts.claims.work import Cell

FALSE, MISSED, POWER, LARGE = 0.05, 0.05, 0.90, 50
"""Largest shares supported at 0 and not supported at 2 delta, and the smallest supported there with so many people."""

Cells = Mapping[Cell, Mapping[str, Any]]


def interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Clopper & Pearson 1934)."""
    found = scipy.stats.binomtest(count, of).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def markdown(question: Mapping[str, Any], found: Cells) -> list[str]:
    """For each claim a table with a row for every cell."""
    lines = []
    for number, asked in enumerate(question["claims"]):
        own = {cell: row for cell, row in found.items() if cell.claim == number}
        if not own:
            continue
        pooling = asked["pooling"].replace("_", " ")
        lines += [
            f"### {asked['scenario']}, {asked['metric']} ({pooling}), δ = {asked['delta']:g}",
            "",
            "| true difference | participants | supported | inconclusive | not supported | interval holds the truth | "
            "mean estimate | sd × √n |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [_row(asked["delta"], cell, row) for cell, row in own.items()]
        lines.append("")
    return lines


def _row(delta: float, cell: Cell, row: Mapping[str, Any]) -> str:
    verdicts, true, of = row["verdicts"], row["true"], row["cohorts"]
    wrong = {0: SUPPORTED, 2: NOT_SUPPORTED}.get(cell.multiple)
    shares = [
        _share(verdicts.get(name, 0), of, bold=name == wrong) for name in (SUPPORTED, INCONCLUSIVE, NOT_SUPPORTED)
    ]
    if verdicts.get(UNDEFINED):
        shares[1] += f" (undefined {verdicts[UNDEFINED]})"
    exactly = f"{cell.multiple} δ: {true['difference']:+.4f} ± {true['error']:.4f}"
    spread = row["sd"] * np.sqrt(cell.participants)
    numbers = f"{row['mean']:+.4f} | {spread:.3f} = {spread / delta:.1f} δ"
    return f"| {exactly} | {cell.participants} | {' | '.join(shares)} | {_share(row['held'], of)} | {numbers} |"


def _share(count: int, of: int, *, bold: bool = False) -> str:
    low, high = interval(count, of)
    mark = "**" if bold else ""
    return f"{mark}{count / of:.3f}{mark} [{low:.3f}, {high:.3f}]"


def misses(question: Mapping[str, Any], found: Cells) -> list[str]:
    """The marks that are missed, cell by cell."""
    lines = []
    for cell, row in found.items():
        share = {name: count / row["cohorts"] for name, count in row["verdicts"].items()}
        asked = question["claims"][cell.claim]
        where = f"{asked['scenario']} {asked['metric']}, {cell.multiple} δ, {cell.participants} participants"
        if cell.multiple == 0 and share.get(SUPPORTED, 0) > FALSE:
            lines.append(f"{where}: supported in {share[SUPPORTED]:.3f}, more than {FALSE:g}")
        if cell.multiple == 2 and share.get(NOT_SUPPORTED, 0) > MISSED:
            lines.append(f"{where}: not supported in {share[NOT_SUPPORTED]:.3f}, more than {MISSED:g}")
        if cell.multiple == 2 and cell.participants == LARGE and share.get(SUPPORTED, 0) < POWER:
            lines.append(f"{where}: supported in {share.get(SUPPORTED, 0):.3f}, fewer than {POWER:g}")
    return lines
