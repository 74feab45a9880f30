"""What nobody sees of a lead, a deal or a customer, in the real variant.

It is a number, normal with mean 0 and sd 1, drawn from a few values that are equally likely, so that what can be known
of it from a history is a sum over these values and exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from simulation.world import World

__all__ = ["draw_unseen", "nodes"]

Float = npt.NDArray[np.float64]


def nodes(world: World) -> Float:
    """The values that it takes: the means of equally likely slices of a normal distribution, at sd 1."""
    from scipy.special import ndtri

    n = world.frailty.nodes
    values = ndtri((np.arange(n) + 0.5) / n)
    return np.asarray(values / values.std())


def draw_unseen(world: World, n: int, rng: np.random.Generator) -> Float:
    """A value for each of n."""
    values = nodes(world)
    return values[rng.integers(0, len(values), n)]
