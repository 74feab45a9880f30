"""Choosing among settings by what they would have said at earlier origins, without choosing by chance."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from features.events import Int

__all__ = ["clearly_best"]

Floats = npt.NDArray[np.float64]
Choice = TypeVar("Choice", bound=Hashable)
SURE_BY = 2.0  # standard errors that a choice's gain over the plain one must exceed


def clearly_best(log_likelihood: Mapping[Choice, Floats], plain: Choice, subject: Int) -> Choice:
    """The choice with the highest log-likelihood (rows,) less SURE_BY standard errors of its gain over the plain one,
    whole subjects (rows,) being drawn; the plain one where no gain is clear: few outcomes would choose by chance."""
    code = np.unique(subject, return_inverse=True)[1]
    sure = {plain: 0.0}
    for choice, said in log_likelihood.items():
        if choice != plain:
            gain = np.bincount(code, said - log_likelihood[plain])
            sure[choice] = float(gain.sum() - SURE_BY * np.sqrt((gain**2).sum()))
    return max(sure, key=lambda choice: (sure[choice], choice == plain))
