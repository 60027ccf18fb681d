"""Measurements of spectra held in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.table import Table

    from gasnet3.nets.registry import ModelNames


def measure(
    flux: Any,
    ivar: Any,
    wave: Any = None,
    *,
    loglam: Any = None,
    z: Any,
    classes: Any = None,
    resolution: Any = None,
    ids: Sequence[str] | None = None,
    only: str = "",
    models: ModelNames = "encoder",
) -> Table:
    """Velocity dispersion, emission lines and classes by lines of galaxies and quasars.

    Parameters
    ----------
    flux, ivar : array_like, shape (pixels,) or (rows, pixels), or a sequence of 1-D arrays
        Flux density F_λ in any unit, and its inverse variance (0: masked).
    wave : array_like, optional
        Pixel centres in vacuum Å; one grid for all rows, or one a row.
    loglam : array_like, optional
        log10 of the pixel centres, instead of ``wave``.
    z : float or array_like, shape (rows,)
        Redshifts, in the frame of the wavelengths; NaN: not known.
    classes : str or array_like of str, shape (rows,), optional
        STAR, GALAXY or QSO; galaxies where nothing is said.
    resolution : float or array_like, shape (rows,), optional
        Resolving power λ / FWHM of the spectrograph; SDSS's where nothing is said.
    ids : sequence of str, optional
        Identifiers; ``row-0``, ``row-1``, ... by default.
    only : {"", "vdisp", "lines"}
        Leave out the rest.
    models : str, Path or sequence of them
        Whose STAR network gives the templates.

    Returns
    -------
    astropy.table.Table
        One row a spectrum: ``id, class, subclass, z``, and the columns of
        :data:`gasnet3.catalog.measured.MEASURED`. The same numbers, to the bit, whatever the
        number and the order of the rows. What cannot be measured is NaN, with the reason in
        ``measure_warn``.

    Raises
    ------
    ValueError
        If shapes disagree, ``only`` is something else, or a shared wavelength grid is not
        monotonic. A single bad spectrum among many is flagged instead.
    ModelError
        If the models have no STAR network with eigenspectra.
    """
    import numpy as np

    from gasnet3.measurement.table import load_measurer, measured_rows
    from gasnet3.spectra.batch import RESOLUTION, Spectra
    from gasnet3.spectra.resolution import sigma_of_power

    measurer = load_measurer(models, only)
    spectra = Spectra.from_arrays(
        flux, ivar, wave, loglam=loglam, ids=ids, lattice=measurer.lattice
    )
    rows = len(spectra)
    if resolution is not None:
        sigma = _column(sigma_of_power(resolution), rows, "resolution")
        spectra.meta[RESOLUTION] = sigma  # type: ignore[index]
    redshift = _column(np.asarray(z, np.float64), rows, "z")
    kinds = _column(np.asarray("GALAXY" if classes is None else classes, np.str_), rows, "classes")
    table = measured_rows(measurer, spectra, redshift, kinds, np.zeros(rows, np.int64)).table()
    table.meta["gasnet3"]["models"] = str(models)
    return table


def _column(values: Any, rows: int, name: str) -> Any:
    """One value for each row, of one or of as many.

    ValueError if there is another number of them.
    """
    import numpy as np

    values = np.asarray(values)
    if values.ndim == 0:
        return np.full(rows, values)
    if values.shape != (rows,):
        raise ValueError(f"{name} has shape {values.shape}, expected ({rows},) or one value")
    return values
