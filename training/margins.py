"""Hazards as margins: log-odds (…, 2) of winning and of losing in a bin against going on.

Voices are blended and offsets are added there, where no sum leaves the hazards of a bin to add up to anything but 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["hazards_of", "margins_of"]

Floats = npt.NDArray[np.float64]
SMALLEST = 1e-12  # hazard; no voice is so sure that nothing else counts
LARGEST = 700.0  # margin whose exponential is a number


def margins_of(hazards: Floats) -> Floats:
    """(…, 2) of hazards (…, 3): goes on, won, lost."""
    bounded = np.maximum(hazards, SMALLEST)
    return np.asarray(np.log(bounded[..., 1:] / bounded[..., :1]), dtype=np.float64)


def hazards_of(margins: Floats) -> Floats:
    """(…, 3) of margins (…, 2)."""
    hazards = np.empty((*margins.shape[:-1], 3))
    hazards[..., 0] = 1.0
    np.exp(np.minimum(margins, LARGEST), out=hazards[..., 1:])
    hazards /= (1.0 + hazards[..., 1] + hazards[..., 2])[..., None]
    return hazards
