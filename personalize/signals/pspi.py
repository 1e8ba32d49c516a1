"""Names of action units, and the Prkachin-Solomon pain intensity (PSPI) that follows from them.

Source: Prkachin & Solomon, Pain 139 (2008) 267-274.
"""

import numpy as np
from jaxtyping import Float

OPENFACE = (
    *("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12"),
    *("AU14", "AU15", "AU17", "AU20", "AU23", "AU25", "AU26", "AU45"),
)
"""The 17 action units whose intensity OpenFace 2 measures; AU43 (eyes closed) is not among them."""


def pspi_of(x: Float[np.ndarray, "n d"], columns: tuple[str, ...]) -> Float[np.ndarray, "n"] | str:
    """The PSPI of rows of action units, AU4 + max(AU6, AU7) + max(AU9, AU10) + AU43; or which of them is not there.

    Of AU6 and AU7, and of AU9 and AU10, one is enough; AU45 stands for AU43 where there is none, and else nothing.
    """
    at = {au: i for i, name in enumerate(columns) if (au := au_name(name))}

    def largest(*aus: str) -> np.ndarray | None:
        there = [x[:, at[au]] for au in aus if au in at]
        return np.max(there, axis=0) if there else None

    parts = {"AU04": largest("AU04"), "AU06 or AU07": largest("AU06", "AU07"), "AU09 or AU10": largest("AU09", "AU10")}
    if missing := next((name for name, part in parts.items() if part is None), None):
        return f"the features have no column {missing}"
    closed = largest("AU43") if "AU43" in at else largest("AU45")
    return np.sum([part for part in (*parts.values(), closed) if part is not None], axis=0)


def au_name(column: str) -> str | None:
    """`AU04` for AU4, AU04 and AU04_r (OpenFace's intensity), but not for AU04_c (its presence).

    >>> au_name(" AU06_r"), au_name("AU06_c")
    ('AU06', None)
    """
    stem = column.strip().upper().removesuffix("_R")
    return f"AU{int(stem[2:]):02d}" if stem.startswith("AU") and stem[2:].isdigit() else None
