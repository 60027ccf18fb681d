"""How lonely a spectrum's coefficients are among those of the training population.

A local outlier factor (Breunig et al. 2000) and an isolation forest (Liu et al. 2008) are fitted
once by scikit-learn (:mod:`gasnet3.train.anomaly`) and kept as arrays beside the weights; here
they are only evaluated, in microseconds a spectrum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.machine.typing import Floats
from gasnet3.solve.coefficients import NO_NOISE

SAMPLES = 128
"""Spectra of the population that a tree is made of."""


@dataclass(frozen=True, eq=False)
class Density:
    """The fits of one class.

    Attributes
    ----------
    mean, covariance : ndarray of float64, shapes (m,) and (m, m)
        Moments of the population's unit coefficients.
    whiten : ndarray of float64, shape (m, m)
        Takes differences from the mean to independent coordinates of unit variance.
    points : ndarray of float32, shape (points, m)
        Whitened coefficients of the population.
    reach, density : ndarray of float32, shape (points,)
        Of each point: the distance to its k-th neighbour, and its local reachability density.
    neighbours : int
        k.
    feature, threshold : ndarray, shapes (trees, nodes)
        Coordinate each node of a tree looks at (-1 at a leaf), and where it divides.
    left, right : ndarray of int, shape (trees, nodes)
        The nodes below it.
    length : ndarray of float32, shape (trees, nodes)
        Expected path length of a point that ends here.
    average : float
        Average path length of the forest's samples.
    """

    mean: Floats
    covariance: Floats
    whiten: Floats
    points: NDArray[np.float32]
    reach: NDArray[np.float32]
    density: NDArray[np.float32]
    neighbours: int
    feature: NDArray[np.int16]
    threshold: Floats
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    length: NDArray[np.float32]
    average: float

    def place(self, unit: Floats, spread: Floats) -> Floats:
        """Whitened coordinates of coefficients, shape (rows, m).

        Noise makes no spectrum strange: each is put at the mean of what its coefficients may be,
        given their covariance and a Gaussian population.

        Parameters
        ----------
        unit, spread : ndarray of float64, shapes (rows, m) and (rows, m, m)
            Unit coefficients and their covariance
            (:func:`gasnet3.solve.coefficients.unit_coefficients`); rows of NaN give NaN.
        """
        known = np.isfinite(unit).all(axis=1) & np.isfinite(spread).all(axis=(1, 2))
        out = np.full(unit.shape, np.nan)
        eye = np.eye(len(self.mean))
        for row in np.flatnonzero(known):  # row by row: no answer depends on the batch
            total = self.covariance + spread[row] + NO_NOISE * eye
            gain = np.linalg.solve(total, unit[row] - self.mean)
            out[row] = self.whiten @ (self.covariance @ gain)
        return out

    def outlier_factor(self, places: Floats) -> Floats:
        """Local outlier factor of whitened coefficients, shape (rows,); about 1 is ordinary."""
        out = np.full(len(places), np.nan)
        for row in np.flatnonzero(np.isfinite(places).all(axis=1)):
            offset = self.points - places[row].astype(np.float32)
            distance = np.sqrt((offset * offset).sum(axis=1))
            near = np.argpartition(distance, self.neighbours)[: self.neighbours]
            near = near[np.argsort(distance[near], kind="stable")]
            reached = np.maximum(distance[near], self.reach[near]).astype(np.float64)
            own = 1.0 / (reached.mean() + 1e-10)
            out[row] = self.density[near].astype(np.float64).mean() / own
        return out

    def isolation(self, places: Floats) -> Floats:
        """Isolation score of whitened coefficients, shape (rows,): 0.5 is ordinary, 1 alone."""
        known = np.asarray(np.isfinite(places).all(axis=1))
        x = np.where(known[:, None], places, 0.0).astype(np.float32)
        trees = np.arange(len(self.feature))
        node = np.zeros((len(x), len(trees)), np.int64)
        while True:
            feature = self.feature[trees, node]
            inner = feature >= 0
            if not inner.any():
                break
            value = np.take_along_axis(x, np.maximum(feature, 0).astype(np.int64), axis=1)
            low = value <= self.threshold[trees, node]
            below = np.where(low, self.left[trees, node], self.right[trees, node])
            node = np.where(inner, below, node)
        length = self.length[trees, node].astype(np.float64).mean(axis=1)
        return np.where(known, 2.0 ** (-length / self.average), np.nan)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays, to be kept."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Density:
        """The fits of kept arrays."""
        kept: dict[str, Any] = {f.name: arrays[f.name] for f in fields(cls)}
        kept["neighbours"], kept["average"] = kept["neighbours"].item(), kept["average"].item()
        return cls(**kept)


def fit_density(unit: Floats, *, neighbours: int = 20, trees: int = 50, seed: int = 0) -> Density:
    """Fit both to a population.

    Parameters
    ----------
    unit : ndarray of float64, shape (rows, m)
        Unit coefficients of the population: of spectra whose noise matters little.
    neighbours, trees, seed : int
        Neighbours of the outlier factor, trees of the forest, and what makes them.

    Raises
    ------
    ImportError
        If scikit-learn is missing; the message names the extra.
    """
    try:
        from sklearn.ensemble import IsolationForest
        from sklearn.neighbors import LocalOutlierFactor
    except ImportError:
        raise ImportError(
            "fitting densities needs scikit-learn: pip install 'gasnet3[calibrate]'"
        ) from None

    mean, covariance = unit.mean(axis=0), np.cov(unit.T)
    spread, axes = np.linalg.eigh(covariance)
    # Unit vectors do not fill their space: directions without variance tell nothing.
    kept = np.asarray(spread > 1e-6 * spread.max())
    whiten = np.where(kept[:, None], axes.T / np.sqrt(np.where(kept, spread, 1.0))[:, None], 0.0)
    points = ((unit - mean) @ whiten.T).astype(np.float32)
    factor = LocalOutlierFactor(n_neighbors=neighbours, novelty=True).fit(points)
    distances, _ = factor.kneighbors()
    size = min(SAMPLES, len(points))
    forest = IsolationForest(n_estimators=trees, max_samples=size, random_state=seed).fit(points)
    return Density(
        mean, covariance, whiten, points,
        reach=distances[:, -1].astype(np.float32),
        density=factor._lrd.astype(np.float32),  # scikit-learn keeps it for itself
        neighbours=neighbours,
        **_trees(forest),
        average=float(_path_length(np.array([float(size)]))[0]),
    )  # fmt: skip


def _trees(forest: Any) -> dict[str, NDArray[Any]]:
    """The trees of a scikit-learn forest as arrays of one shape."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    most = max(tree.node_count for tree in trees)
    feature = np.full((len(trees), most), -1, np.int16)
    threshold = np.zeros((len(trees), most))
    left, right = feature.copy(), feature.copy()
    length = threshold.astype(np.float32)
    for i, tree in enumerate(trees):
        n = tree.node_count
        feature[i, :n] = np.maximum(tree.feature, -1)
        threshold[i, :n], left[i, :n], right[i, :n] = (
            tree.threshold, tree.children_left, tree.children_right,
        )  # fmt: skip
        length[i, :n] = _depth(tree) + _path_length(tree.n_node_samples.astype(np.float64))
    return {
        "feature": feature, "threshold": threshold, "left": left, "right": right, "length": length,
    }  # fmt: skip


def _depth(tree: Any) -> NDArray[np.int64]:
    """Depth of each node, the root's 0; parents come before their children."""
    depth = np.zeros(tree.node_count, np.int64)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth


def _path_length(n: Floats) -> Floats:
    """Average path length of an unsuccessful search in a tree of n samples (Liu et al., eq. 1)."""
    many = np.maximum(n, 3.0)
    harmonic = np.log(many - 1.0) + np.euler_gamma
    out = 2.0 * harmonic - 2.0 * (many - 1.0) / many
    return np.where(n <= 1, 0.0, np.where(n <= 2, 1.0, out))
