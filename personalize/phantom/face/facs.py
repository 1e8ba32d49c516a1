"""What a coder of the Facial Action Coding System (FACS) writes down of a phantom's muscles, and the PSPI.

Source: Ekman, Friesen & Hager, Facial Action Coding System (2002).
"""

import numpy as np
from jaxtyping import Float

from personalize.phantom.face.parameters import INDEX, LIPS_TOUCH, UNITS, lip_parting
from personalize.signals.pspi import pspi_of

AUS = (*UNITS, "AU25", "AU26", "AU27", "AU43", "AU45")
"""Action units that are scored: intensity 0-5, and 0 or 1 for AU43 (eyes closed) and AU45 (blink)."""
AU = {name: i for i, name in enumerate(AUS)}
SHUT = 0.7
"""Closure from which lids count as shut."""
LONGEST_BLINK = 0.5
"""Seconds; lids that stay shut for longer are closed eyes (AU43)."""
_DROP, _STRETCH = 0.15, 0.65
"""Openings of the mouth at which the jaw has dropped (AU26) and the mouth is stretched (AU27)."""

Muscles = Float[np.ndarray, "n 16"]
Track = Float[np.ndarray, "n"]


def facs(muscles: Muscles, fps: float | int | None = None) -> Float[np.ndarray, "n 19"]:
    """Columns `AUS` for rows of `MUSCLES`: consecutive frames at `fps`, or stills where that is None.

    AU25, AU26 and AU27 come from one opening of the mouth: AU25 wherever lips are parted, with AU26 from the jaw's
    drop on, and AU27 in place of AU26 where the mouth is stretched. AU43 and AU45 come from one closure of the lids:
    shut for up to `LONGEST_BLINK` seconds is a blink, longer is AU43; in stills every shut eye is AU43.
    """
    out = np.zeros((len(muscles), len(AUS)))
    out[:, : len(UNITS)] = muscles[:, : len(UNITS)]
    opening = muscles[:, INDEX["mouth"]]
    stretched = opening >= _STRETCH
    out[:, AU["AU25"]] = np.clip(5 * (lip_parting(muscles) - LIPS_TOUCH) / (0.5 - LIPS_TOUCH), 0, 5)
    out[:, AU["AU26"]] = np.where(stretched, 0, np.clip(5 * (opening - _DROP) / (_STRETCH - _DROP), 0, 5))
    out[:, AU["AU27"]] = np.where(stretched, 1 + 4 * (opening - _STRETCH) / (1 - _STRETCH), 0)
    out[:, AU["AU43"]], out[:, AU["AU45"]] = lid_events(muscles[:, INDEX["lids"]], fps)
    return out


def lid_events(closure: Track, fps: float | int | None) -> tuple[Track, Track]:
    """AU43 and AU45, 0 or 1 per frame, of a track of lid closures (0 open to 1 shut)."""
    shut = closure >= SHUT
    if fps is None:
        return shut.astype(float), np.zeros(len(closure))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shut, [False]]).astype(int)))
    long = np.zeros(len(closure), bool)
    for start, end in edges.reshape(-1, 2):
        long[start:end] = (end - start) / fps > LONGEST_BLINK
    return (shut & long).astype(float), (shut & ~long).astype(float)


def pspi(aus: Float[np.ndarray, "n 19"]) -> Track:
    """Prkachin-Solomon pain intensity of rows of `AUS`, 0-16."""
    return np.asarray(pspi_of(aus, AUS))
