"""The published GaSNet-III weights, judged as they were published: own preparation, own grid.

Convert ``.pth`` files (each with its ``.json`` beside it) into safetensors with a card:

    PYTHONPATH=benchmarks python -m peers.published WEIGHTS.pth... --out DIRECTORY
"""

from __future__ import annotations

import argparse
import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from astropy.table import Table
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.fft import next_fast_len
from torch import Tensor

from gasnet3 import CLASSES
from gasnet3.catalog import make_catalog
from gasnet3.machine.files import replacing, write_json
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, STEP
from peers.networks import PIXELS, PublishedEncoder, PublishedUNet, build

Floats = NDArray[np.float64]

DEGREE = 5
"""Degree of the continuum polynomial (paper, section 2)."""

MIN_GOOD = 20
"""Unmasked pixels below which there is nothing to fit."""

ROWS = 32
"""Spectra handled together."""

SPAN = PIXELS * STEP
"""log10 of the observed range in their code: 4,076 steps, where there are 4,075."""

CENTRE = SPAN - 0.5 * float(np.log10(9200 / 3600))
"""log10 of λ_o over 3600 Å, the central wavelength of eq. 11 in their code."""

ORIGIN = PIXELS // 2 - 1
"""Index of the first window in their curve, which is padded to N pixels.

With these three, redshifts equal those of the authors' own tables (see the tests).
"""


@dataclass(frozen=True)
class Grid:
    """The redshifts of their χ² curve (paper, eq. 11), with their steps and centre.

    Parameters
    ----------
    z_min, z_max : float
        Redshifts the network covers.
    n_rest : int
        Rest-frame pixels N.
    """

    z_min: float
    z_max: float
    n_rest: int

    def redshift(self, start: NDArray[np.int64]) -> Floats:
        """Redshift of windows that start at these rest-frame pixels, 0 being the bluest."""
        step = (SPAN + np.log10((1 + self.z_max) / (1 + self.z_min))) / (self.n_rest - 1)
        position = CENTRE + np.log10(1 + self.z_max) - step * (start + ORIGIN)
        return np.asarray(10.0**position - 1.0)


def prepare_as_published(
    flux: NDArray[Any], ivar: NDArray[Any], wave: Floats
) -> tuple[Floats, Floats]:
    """Their preparation of one spectrum: fill, subtract an unweighted polynomial, normalise.

    Masked pixels are filled by linear interpolation, those outside the covered range by 0. They
    count in the normalisation (eq. 2), though not in the polynomial, and reach the network.

    Parameters
    ----------
    flux, ivar : ndarray, shape (n,)
        Observed spectrum.
    wave : ndarray, shape (n,)
        Wavelengths in Å.

    Returns
    -------
    flux, ivar : ndarray of float64, shape (n,)
        What the network sees.
    """
    good = np.asarray(ivar) > 0
    filled = np.interp(wave, wave[good], np.asarray(flux)[good], left=0.0, right=0.0)
    return normalise(filled, ivar)


def normalise(filled: NDArray[Any], ivar: NDArray[Any]) -> tuple[Floats, Floats]:
    """The second part of :func:`prepare_as_published`: from filled flux (eq. 1-2)."""
    good = np.asarray(ivar) > 0
    x = np.linspace(-1.0, 1.0, len(filled))
    values = np.asarray(filled, np.float64)
    fit = np.polynomial.legendre.legfit(x[good], values[good], DEGREE)
    residual = values - np.polynomial.legendre.legval(x, fit)
    norm = float(np.sqrt((residual**2).mean()))
    return residual / norm, np.asarray(ivar, np.float64) * norm**2


def chi2_curve(rest: Tensor, flux: Tensor, ivar: Tensor) -> Tensor:
    """χ² of eq. 9-10, not reduced, at every window that lies on the rest frame, in float64.

    Parameters
    ----------
    rest : Tensor, shape (rows, N)
        Reconstructions.
    flux, ivar : Tensor, shape (rows, n)
        Prepared spectra.

    Returns
    -------
    Tensor of float64, shape (rows, N - n + 1)
        By the first pixel of the window.
    """
    rest, flux, ivar = rest.double(), flux.double(), ivar.double()
    count = rest.shape[1] - flux.shape[1] + 1
    length = next_fast_len(rest.shape[1], real=True)
    data = torch.fft.rfft(torch.stack([ivar, -2.0 * flux * ivar]), length)
    model = torch.fft.rfft(torch.stack([rest**2, rest]), length)
    curve = torch.fft.irfft((data.conj() * model).sum(dim=0), length)[:, :count]
    return curve + (flux**2 * ivar).sum(dim=1, keepdim=True)


@dataclass(frozen=True, eq=False)
class Published:
    """One published network.

    Parameters
    ----------
    architecture : {"Encoder", "U-Net"}
        Which of the two.
    cls : str
        STAR, GALAXY or QSO.
    grid : Grid
        Its redshifts.
    network : Module
        From prepared flux to rest-frame spectra.
    sha256 : str
        Of the published file.
    """

    architecture: str
    cls: str
    grid: Grid
    network: PublishedEncoder | PublishedUNet
    sha256: str


def convert(weights: Path, directory: Path) -> Path:
    """Make a safetensors file and a card of a published ``.pth`` file.

    Parameters
    ----------
    weights : Path
        The ``.pth`` file; its settings are in the ``.json`` file beside it.
    directory : Path
        Where to write; made when it is missing.

    Returns
    -------
    Path
        The card, for :func:`load`.

    Raises
    ------
    FileNotFoundError
        If one of the two files is missing.
    ValueError
        If they are not of a published network.
    """
    settings = json.loads(weights.with_suffix(".json").read_text())
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        cls = next(name for name in CLASSES if settings["model_name"].endswith(name))
        z_min, z_max = float(settings["z_min"]), float(settings["z_max"])
        network = build(state, flip=cls == "STAR")
    except (
        UnpicklingError, zipfile.BadZipFile, RuntimeError, StopIteration, KeyError, AttributeError,
        ValueError,
    ) as error:  # fmt: skip
        raise ValueError(f"{weights} is no published network: {error}") from error
    directory.mkdir(parents=True, exist_ok=True)
    card = directory / f"{weights.stem}.json"
    with replacing(card.with_suffix(".safetensors")) as temporary:
        save_file({name: value.contiguous() for name, value in state.items()}, temporary)
    architecture = "U-Net" if isinstance(network, PublishedUNet) else "Encoder"
    checksum = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_json(card, {"architecture": architecture, "class": cls, "z_min": z_min, "z_max": z_max,
                      "sha256": checksum})  # fmt: skip
    return card


def load(card: Path) -> Published:
    """Read what :func:`convert` wrote."""
    told = json.loads(card.read_text())
    state = load_file(card.with_suffix(".safetensors"))
    network = build(state, flip=told["class"] == "STAR")
    grid = Grid(told["z_min"], told["z_max"], state["eigenvectors"].shape[1])
    return Published(told["architecture"], told["class"], grid, network, told["sha256"])


class PublishedNetworks:
    """The networks of one architecture, one a class, as a classifier (paper, eq. 21).

    Parameters
    ----------
    networks : sequence of Published
        One a class.
    """

    def __init__(self, networks: Sequence[Published]) -> None:
        self.networks = networks
        self.name = f"published {networks[0].architecture}"
        sums = " ".join([network.sha256[:16] for network in networks] + [_code()])
        self.identity = f"{self.name.replace(' ', '-')} {sums}"

    def __call__(self, spectra: Spectra) -> Table:
        """Class of the least χ², its z, and the best z of every class."""
        spectra = spectra.on(OBSERVED)
        rows = len(spectra)
        usable = np.flatnonzero((spectra.ivar > 0).sum(axis=1) >= MIN_GOOD)
        chi2, z = (np.full((rows, len(self.networks)), np.nan) for _ in range(2))
        for start in range(0, len(usable), ROWS):
            some = usable[start : start + ROWS]
            chi2[some], z[some] = self._solve(spectra, some)
        best = np.argmin(np.where(np.isnan(chi2), np.inf, chi2), axis=1)
        solved = np.isfinite(chi2).any(axis=1)
        classes = np.array([network.cls for network in self.networks])
        return make_catalog({
            "id": spectra.ids,
            "class": np.where(solved, classes[best], ""),
            "z": z[np.arange(rows), best],
            **{f"z_{cls.lower()}": z[:, i] for i, cls in enumerate(classes.tolist())},
            **{f"chi2_{cls.lower()}": chi2[:, i] for i, cls in enumerate(classes.tolist())},
        })  # fmt: skip

    def _solve(self, spectra: Spectra, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Least χ² and its redshift, each of shape (rows, networks)."""
        wave = spectra.lattice.wave
        prepared = [prepare_as_published(spectra.flux[i], spectra.ivar[i], wave) for i in rows]
        flux, ivar = (torch.from_numpy(np.stack(part)) for part in zip(*prepared, strict=True))
        chi2, z = [], []
        for published in self.networks:
            with torch.inference_mode():
                curve = chi2_curve(published.network(flux.float()), flux, ivar)
            least = curve.min(dim=1)
            chi2.append(least.values.numpy())
            z.append(published.grid.redshift(least.indices.numpy()))
        return np.stack(chi2, axis=1), np.stack(z, axis=1)


def _code() -> str:
    """A checksum of this code: answers that another version gave are not taken for its own."""
    files = [Path(__file__), Path(__file__).with_name("networks.py")]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def read_published(weights: Path, directory: Path) -> list[PublishedNetworks]:
    """Convert and load all networks of a directory of ``.pth`` files, by architecture.

    Raises
    ------
    ValueError
        If a file is not of a published network.
    """
    networks = [load(convert(path, directory)) for path in sorted(weights.glob("*.pth"))]
    by_kind: dict[str, list[Published]] = {}
    for network in sorted(networks, key=lambda network: CLASSES.index(network.cls)):
        by_kind.setdefault(network.architecture, []).append(network)
    return [PublishedNetworks(kind) for _, kind in sorted(by_kind.items())]


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert the named files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("weights", nargs="+", type=Path, help="published .pth files")
    parser.add_argument("--out", type=Path, required=True, help="directory to write to")
    chosen = parser.parse_args(arguments)
    for path in chosen.weights:
        try:
            print(convert(path, chosen.out))
        except (OSError, ValueError) as error:
            parser.error(str(error))


if __name__ == "__main__":
    main()
