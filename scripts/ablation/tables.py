"""Values with their intervals over people and training seeds, and Markdown tables of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from personalize.evaluation.bootstrap import percentile_interval
from personalize.phantom.face.facs import AUS

from .film import CONDITIONS
from .scores import Columns, untouched_aus

TABLES: dict[str, dict[str, str]] = {
    "Ordinary films of unseen people": {
        "PSPI PCC raw": "ordinary/raw/pspi/pcc",
        "− neutral": "ordinary/neutral/pspi/pcc",
        "PSPI MAE raw": "ordinary/raw/pspi/mae",
        "− neutral ": "ordinary/neutral/pspi/mae",
        "all AUs PCC": "ordinary/neutral/aus/pcc",
        "untouched AUs PCC": "ordinary/neutral/untouched/pcc",
        "their own part": "ordinary/neutral/own/pcc",
        "pain PCC, k = 5": "k5/pcc",
        "pain MAE, k = 5": "k5/mae",
    },
    "A camera and light not seen in training, and covered faces (− neutral)": {
        f"{condition}: {name}": f"{condition}/neutral/{target}"
        for condition in list(CONDITIONS)[1:]
        for name, target in (
            ("PSPI PCC", "pspi/pcc"),
            ("PSPI MAE", "pspi/mae"),
            ("all AUs PCC", "aus/pcc"),
            ("untouched AUs PCC", "untouched/pcc"),
        )
    },
    "What else the features tell": {
        "identity raw": "identity/raw",
        "identity − neutral": "identity/neutral",
        "identity by chance": "identity/chance",
        "head pose PCC raw": "ordinary/raw/pose/pcc",
        "variance: person": "variance/person",
        "recording": "variance/recording",
        "within": "variance/within",
    },
    "Each action unit, PCC − neutral (ordinary films)": {au: f"ordinary/neutral/{au}/pcc" for au in AUS},
    "Each action unit, PCC raw (ordinary films)": {au: f"ordinary/raw/{au}/pcc" for au in AUS},
    "Each action unit, MAE − neutral (ordinary films)": {au: f"ordinary/neutral/{au}/mae" for au in AUS},
}
DIFFERENCES = (
    "ordinary/raw/pspi/pcc",
    "ordinary/neutral/pspi/pcc",
    "ordinary/neutral/pspi/mae",
    "ordinary/neutral/untouched/pcc",
    "ordinary/neutral/own/pcc",
    "unseen/neutral/pspi/pcc",
    "covered/neutral/pspi/pcc",
    "k5/pcc",
    "k5/mae",
)
"""Columns in which every row is compared with the baseline."""


def over_seeds(seeds: Sequence[Columns]) -> Columns:
    """Means over seeds; resamples draw people and seeds, the same for every row with as many seeds."""
    out = {}
    for name in seeds[0]:
        values = np.stack([columns[name] for columns in seeds])
        draws = np.random.default_rng(1).integers(len(seeds), size=(values.shape[1], len(seeds)))
        resampled = np.take_along_axis(values.T, draws, axis=1).mean(1)
        out[name] = np.concatenate([[values[:, 0].mean()], resampled[1:]])
    return out


def with_interval(values: Float[np.ndarray, "resamples"], digits: int = 2) -> str:
    """The value and its 95 % interval, or a dash where it is undefined."""
    limits = percentile_interval(values[1:])
    if limits is None or not np.isfinite(values[0]):
        return "–"
    return f"{values[0]:.{digits}f} [{limits[0]:.{digits}f}, {limits[1]:.{digits}f}]"


def markdown(rows: Mapping[str, Columns], baseline: str) -> str:
    """All tables, and the paired differences of every row to the baseline."""
    parts = [
        f"### {title}\n\n"
        + table(columns, {r: [with_interval(v[c]) for c in columns.values()] for r, v in rows.items()})
        for title, columns in TABLES.items()
    ]
    apart = {
        row: [with_interval(values[c] - rows[baseline][c]) for c in DIFFERENCES]
        for row, values in rows.items()
        if row != baseline
    }
    parts.append(f"### Paired differences to {baseline!r}\n\n" + table(DIFFERENCES, apart))
    untouched = ", ".join(untouched_aus())
    parts.append(
        f"No measure is made to follow {untouched} (untouched). Their own part is what of them the touched ones do not "
        "tell linearly. Identity: share of a clip's 5 nearest clips of other recordings that show the same person.\n"
    )
    return "\n".join(parts)


def table(head: Sequence[str] | Mapping[str, str], rows: Mapping[str, Sequence[str]]) -> str:
    """Markdown with the name of the row in front."""
    lines = [["", *head], ["---"] * (len(list(head)) + 1), *([name, *cells] for name, cells in rows.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
