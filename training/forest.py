"""A forest of small trees, answered for many mixtures of rows at once: what reasons need and LightGBM has no call for.

A reason asks what a score would be with some facts taken from another row, hundreds of times a subject, each time over
all bins. Each leaf of a tree is a bit. A split that a row passes to the right takes the leaves to its left away; what
all splits leave is a mask, whose lowest bit is the row's leaf (QuickScorer: Lucchese et al., SIGIR 2015). The masks of
disjoint sets of columns are joined by "and", so a mixture of two rows costs no comparison, and a row over many bins
only differs in the masks of the bins' own columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.events import Int

__all__ = ["MOST_LEAVES", "BinMasks", "Forest"]

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.unsignedinteger[Any]]
MOST_LEAVES = 64  # bits of the widest mask
CLASSES = 3


@dataclass(frozen=True)
class Forest:
    """Trees of multiclass boosters as arrays; s splits, t trees, ordered by booster and class.

    column, threshold, nan_left, passed, tree : (s,) of each split; `passed` is what a row that goes right keeps of the
    leaves. category : (s,) row of `goes_left` for a split by categories, -1 for one by a number. leaves : (t, most
    leaves) values. block : (t,) booster × 3 + class of each tree.
    """

    column: Int
    threshold: Floats
    nan_left: npt.NDArray[np.bool_]
    passed: Masks
    tree: Int
    category: Int
    goes_left: npt.NDArray[np.bool_]
    leaves: Floats
    block: Int

    @staticmethod
    def of(boosters: list[lgb.Booster]) -> Forest:
        """Read the trees. Raises ValueError for a tree of more than 64 leaves."""
        trees = [(3 * i + k % CLASSES, tree) for i, booster in enumerate(boosters)
                 for k, tree in enumerate(booster.dump_model()["tree_info"])]
        trees.sort(key=lambda one: one[0])
        most = max((tree["num_leaves"] for _, tree in trees), default=1)
        if most > MOST_LEAVES:
            raise ValueError(f"trees have {most} leaves, reasons can read at most {MOST_LEAVES}")
        splits: list[tuple[int, dict[str, Any], int]] = []
        leaves = np.zeros((len(trees), most))
        for i, (_, tree) in enumerate(trees):
            values: list[float] = []
            splits += [(i, *split) for split in _walk(tree["tree_structure"], values)]
            leaves[i, :len(values)] = values
        numbers = [split["decision_type"] == "<=" for _, split, _ in splits]
        categories = [[int(one) for one in str(split["threshold"]).split("||")]
                      for (_, split, _), is_number in zip(splits, numbers, strict=True) if not is_number]
        goes_left = np.zeros((len(categories), max((max(one) for one in categories), default=0) + 2), dtype=bool)
        for i, found in enumerate(categories):
            goes_left[i, found] = True
        width = next(bits for bits in (8, 16, 32, 64) if most <= bits)
        full = (1 << width) - 1
        return Forest(
            column=np.array([split["split_feature"] for _, split, _ in splits], dtype=np.int64),
            threshold=np.array([float(split["threshold"]) if is_number else np.inf
                                for (_, split, _), is_number in zip(splits, numbers, strict=True)]),
            nan_left=np.array([_nan_goes_left(split) for _, split, _ in splits], dtype=bool),
            passed=np.array([full & ~left for _, _, left in splits], dtype=f"uint{width}"),
            tree=np.array([tree for tree, _, _ in splits], dtype=np.int64),
            category=np.where(numbers, -1, np.cumsum(~np.array(numbers, dtype=bool)) - 1).astype(np.int64),
            goes_left=goes_left, leaves=leaves, block=np.array([block for block, _ in trees], dtype=np.int64))

    def masks(self, matrix: npt.NDArray[np.float32], part: Int, parts: int, first_column: int = 0) -> Masks:
        """Masks (n, parts, t) of rows (n, columns), a mask for each part of the columns.

        part : (columns,) the part of each column. first_column : where the matrix's columns begin among the trees'.
        """
        place = self.column - first_column
        here = np.flatnonzero((place >= 0) & (place < matrix.shape[1]))
        here = here[np.lexsort((self.tree[here], part[place[here]]))]
        full = np.iinfo(self.passed.dtype).max
        masks = np.full((len(matrix), parts, len(self.block)), full, dtype=self.passed.dtype)
        if not len(here) or not len(matrix):
            return masks
        kept = np.where(self._left(matrix, here, place[here]), full, self.passed[here]).astype(self.passed.dtype)
        key = part[place[here]] * len(self.block) + self.tree[here]
        start = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        masks.reshape(len(matrix), -1)[:, key[start]] = np.bitwise_and.reduceat(kept, start, axis=1)
        return masks

    def _left(self, matrix: npt.NDArray[np.float32], split: Int, place: Int) -> npt.NDArray[np.bool_]:
        """Whether each row goes left at each of the splits, which look at the matrix's columns `place`."""
        values = matrix[:, place]
        missing = np.isnan(values)
        left = np.where(missing, self.nan_left[split], values <= self.threshold[split])
        by_category = np.flatnonzero(self.category[split] >= 0)
        if len(by_category):
            last = self.goes_left.shape[1] - 1  # no split sends this code left
            code = np.where(missing[:, by_category], last, values[:, by_category]).astype(np.int64)
            left[:, by_category] = self.goes_left[self.category[split[by_category]], np.clip(code, 0, last)]
        return left

    def hazards(self, masks: Masks, bins: BinMasks) -> Floats:
        """Hazards (n, m, 3), the mean over boosters, of rows with masks (n, t) in the bins of `bins`."""
        left = masks[:, bins.tree] & bins.mask
        leaf = np.bitwise_count((left & (~left + left.dtype.type(1))) - left.dtype.type(1))
        values = self.leaves.reshape(-1)[bins.tree * self.leaves.shape[1] + leaf]
        hazards = np.zeros((len(masks), bins.blocks[0][2].shape[1], CLASSES))
        for booster in range(0, len(bins.blocks), CLASSES):
            odds = [np.exp(values[:, start:end] @ spread) for start, end, spread in bins.blocks[booster:][:CLASSES]]
            total = sum(odds) * (len(bins.blocks) / CLASSES)
            for k in range(CLASSES):
                hazards[:, :, k] += odds[k] / total
        return hazards

    def bin_masks(self, bins: npt.NDArray[np.float32], first_column: int) -> BinMasks:
        """What m bins (m, bin columns) do to every tree; the trees' columns from `first_column` on are the bins'."""
        masks = self.masks(bins, np.zeros(bins.shape[1], dtype=np.int64), 1, first_column)[:, 0, :]
        levels, code = np.unique(masks, return_inverse=True)
        key = np.arange(len(self.block)) * len(levels) + code.reshape(masks.shape)
        pair, where = np.unique(key, return_inverse=True)
        tree = pair // len(levels)
        blocks = []
        where = where.reshape(masks.shape)
        for block in np.unique(self.block):
            inside = np.flatnonzero(self.block[tree] == block)
            start, end = int(inside[0]), int(inside[-1]) + 1
            spread = np.zeros((end - start, len(bins)))
            mine = where[:, self.block == block] - start
            np.add.at(spread, (mine, np.arange(len(bins))[:, None]), 1.0)
            blocks.append((start, end, spread))
        return BinMasks(tree, levels[pair % len(levels)], blocks)


@dataclass(frozen=True)
class BinMasks:
    """The distinct (tree, mask) pairs of a set of bins, and which of them each bin adds up.

    tree, mask : (pairs,). blocks : for each booster and class its stretch of pairs and a matrix (pairs, bins) of 0, 1.
    """

    tree: Int
    mask: Masks
    blocks: list[tuple[int, int, Floats]]


def _walk(node: dict[str, Any], values: list[float]) -> list[tuple[dict[str, Any], int]]:
    """Splits of a tree, each with the bits of the leaves to its left; leaves are numbered from the left in `values`."""
    if "leaf_value" in node:
        values.append(node["leaf_value"])
        return []
    first = len(values)
    left = _walk(node["left_child"], values)
    bits = (1 << len(values)) - (1 << first)
    return [(node, bits), *left, *_walk(node["right_child"], values)]


def _nan_goes_left(split: dict[str, Any]) -> bool:
    """Where LightGBM sends a missing number: by the split's default, or like a 0 where training saw none missing."""
    if split["decision_type"] != "<=":
        return False
    return bool(split["default_left"] if split["missing_type"] == "NaN" else split["threshold"] >= 0)
