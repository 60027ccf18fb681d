"""Classification of spectra held in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gasnet3.pipeline.choices import ANYTHING, Choices

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.nets.registry import ModelNames

SHORTEST = 1100.0
"""Wavelengths below this alone (Å) are no optical spectrum: nm, µm or a logarithm."""


def classify(
    flux: Any,
    ivar: Any,
    wave: Any = None,
    *,
    loglam: Any = None,
    ids: Sequence[str] | None = None,
    resolution: str | None = None,
    solver: str = "hybrid",
    models: ModelNames = "encoder",
    device: str = "cpu",
    n_best: int = 1,
    choices: Choices = ANYTHING,
    threads: int | None = None,
) -> Table:
    """Class, redshift and flags of spectra held in arrays.

    Parameters
    ----------
    flux, ivar : array_like, shape (pixels,) or (rows, pixels), or a sequence of 1-D arrays
        Flux density F_λ in any unit, and its inverse variance (0: masked).
    wave : array_like, optional
        Pixel centres in vacuum Å; one grid for all rows, or one a row.
    loglam : array_like, optional
        log10 of the pixel centres, instead of ``wave``.
    ids : sequence of str, optional
        Identifiers; ``row-0``, ``row-1``, ... by default.
    resolution : str, optional
        ``R=600`` or ``fwhm=5A``: the models are looked at as broad as that.
    solver, models, device
        See :func:`gasnet3.pipeline.loading.load_classifier`.
    n_best : int
        Solutions a spectrum.
    choices : Choices
        What may be the answer: classes, ranges of redshift, priors, n(z), and whether the shape
        of the continuum counts: ``Choices(continuum=False)``.
    threads : int, optional
        Batches solved at once on a CPU, each by one thread. Left out, as many as there are cores
        allotted, or as ``OMP_NUM_THREADS`` says if fewer.

    Returns
    -------
    astropy.table.Table
        One row a solution; the columns are those of :data:`gasnet3.catalog.COLUMNS`. The same
        numbers, to the bit, whatever the number and the order of the rows.

    Raises
    ------
    ValueError
        If shapes disagree, there is no inverse variance, or a shared wavelength grid is not
        monotonic or not in Å, or the resolution is not understood. A single bad spectrum among
        many is flagged instead.
    """
    if ivar is None:
        raise ValueError(
            "ivar is None: give inverse variances, 1 / sigma**2, with 0 for bad pixels"
        )
    # Whoever looks at the name only need not wait for NumPy.
    from gasnet3.machine.cores import default_threads
    from gasnet3.nets.registry import lattice_of
    from gasnet3.pipeline.loading import load
    from gasnet3.pipeline.request import Request
    from gasnet3.spectra.batch import Spectra

    request = Request(models, solver, n_best, choices=choices)
    _check_unit(wave)
    lattice = lattice_of(models)
    spectra = Spectra.from_arrays(flux, ivar, wave, loglam=loglam, ids=ids, lattice=lattice)
    if resolution is not None:
        spectra = spectra.seen_at(resolution)
    if device != "cpu":
        threads = 1
    elif threads is None:
        threads = default_threads()
    return load(request, device).run(spectra, n_best, threads=threads)


def _check_unit(wave: Any) -> None:
    """Refuse a grid in nm, µm or log10 Å: it would make every row NODATA, and say nothing."""
    if hasattr(wave, "to_value"):  # a Quantity knows its unit
        return
    import numpy as np

    try:
        grid = np.asarray(wave)
    except ValueError:
        return  # grids of several lengths, one a row: a wrong one is flagged
    if grid.ndim != 1 or grid.dtype.kind not in "fiu" or not len(grid):
        return
    low, high = grid.min(), grid.max()
    if low > 0 and high < SHORTEST:
        raise ValueError(
            f"wave goes from {low:.4g} to {high:.4g}: give vacuum Å, or loglam= for log10 of it"
        )
