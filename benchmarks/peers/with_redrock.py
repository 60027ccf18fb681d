"""redrock, DESI's classifier, in this process, with the template libraries at hand.

The templates are written as files of redrock's own format, which it then reads itself. Nothing
of redrock is changed: its coarse scan, its refinement and its warnings are what is judged.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter1d

from gasnet3 import CLASSES
from gasnet3.catalog import make_catalog
from gasnet3.flags import ZWarn
from gasnet3.machine.files import replacing
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, STEP

HOW_TO_GET = "redrock is not installed: pip install -e '.[benchmark]' -c constraints.txt"

LINE_SPREAD = 1.0
"""σ of SDSS's line spread in pixels, by which the templates are sharper.

The templates are smoothed by it, and redrock gets an identity as the resolution matrix: on a
logarithmic grid that is the same, a redshift being a translation, and takes half the time.
"""

IGM = {"GALAXY": "Calura12", "QSO": "Kamble20", "STAR": "None"}
"""The forest model redrock itself gives templates of these kinds when their files name none."""

RANGES = {
    ("GALAXY", ""): (-0.005, 1.65, 3e-4),
    ("QSO", "HIZ"): (1.4, 7.0, 5e-4),
    ("QSO", "LOZ"): (0.05, 1.6, 5e-4),
}
"""First and last redshift and step in log10(1 + z) by type and subtype; redrock's own.

But for the last redshift of galaxies, 1.7 in redrock: the old template ends too far to the red.
"""

STARS = ("A", "B", "CV", "F", "G", "K", "M", "WD")


def installed() -> bool:
    """Whether redrock can be imported."""
    return importlib.util.find_spec("redrock") is not None


def template_names() -> dict[str, tuple[str, str]]:
    """Template file of the shared data (no ending): redrock's type and subtype."""
    names = {"redrock-galaxy-basis": ("GALAXY", "")}
    names |= {f"redrock-qso-{sub.lower()}-basis": ("QSO", sub) for sub in ("HIZ", "LOZ")}
    return names | {f"redrock-star-{sub.lower()}-basis": ("STAR", sub) for sub in STARS}


def write_template(path: Path, k0: int, flux: NDArray[Any], kind: str, subtype: str) -> None:
    """Write a basis as a template file that redrock reads.

    Parameters
    ----------
    path : Path
        File to write (``rrtemplate-*.fits``).
    k0 : int
        Lattice index of the first pixel.
    flux : ndarray, shape (templates, pixels)
        Basis vectors.
    kind, subtype : str
        STAR, GALAXY or QSO, and what kind of it ('' for none).
    """
    image = fits.ImageHDU(np.asarray(flux, np.float32), name="BASIS_VECTORS")
    image.header.update(
        {"CRVAL1": k0 * STEP, "CDELT1": STEP, "LOGLAM": 1, "RRTYPE": kind, "RRSUBTYP": subtype}
    )
    image.header.update({"RRMETHOD": "PCA", "RRIGM": IGM[kind], "VERSION": "unknown"})
    hdus = [fits.PrimaryHDU(), image]
    if (kind, subtype) in RANGES:
        low, high, step = RANGES[kind, subtype]
        redshifts = 10.0 ** np.arange(np.log10(1.0 + low), np.log10(1.0 + high), step) - 1.0
        hdus.append(fits.ImageHDU(redshifts, name="REDSHIFTS"))
    with replacing(path) as temporary:
        fits.HDUList(hdus).writeto(temporary)


def write_templates(library: Path, directory: Path, *, smooth: bool = True) -> list[Path]:
    """Write all templates of a library (``.npz`` files) for redrock.

    Parameters
    ----------
    library, directory : Path
        Where they are, and where they go.
    smooth : bool
        Whether to bring them to SDSS's resolution.

    Raises
    ------
    FileNotFoundError
        If one of the files is missing.
    """
    written = []
    for name, (kind, subtype) in template_names().items():
        with np.load(library / f"{name}.npz") as file:
            flux, k0 = file["flux"], int(file["k0"])
        if smooth:
            flux = gaussian_filter1d(flux, LINE_SPREAD, axis=1)
        written.append(directory / f"rrtemplate-{kind.lower()}-{subtype or 'all'}.fits")
        write_template(written[-1], k0, flux, kind, subtype)
    return written


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What redrock prints about its progress, kept from the screen."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class Redrock:
    """redrock with the templates of a library, ready to classify.

    Spectra are cut to the paper's lattice: its old galaxy template does not reach further. The
    templates are rebinned to it once, for all redshifts, as redrock does: that time is not counted.

    Parameters
    ----------
    library : Path
        Directory of the template files (``.npz``).
    resolution : bool
        Whether the spectra come with resolution matrices instead of smoothed templates, of as
        many diagonals as redrock's own reader of SDSS spectra gives them.
    files : sequence of Path
        Template files of redrock's own format in the place of the library's, read as they are.

    Raises
    ------
    ModuleNotFoundError
        If redrock is not installed.
    FileNotFoundError
        If a template is missing.
    """

    name = "redrock"

    def __init__(
        self, library: Path, *, resolution: bool = False, files: Sequence[Path] = ()
    ) -> None:
        if not installed():
            raise ModuleNotFoundError(HOW_TO_GET)
        from redrock.templates import DistTemplate, load_templates

        kind = "matrix of " if resolution else ""
        digest = _digest_of(files) if files else _digest(library)
        self.identity = f"redrock {version('redrock')} {digest} {kind}{LINE_SPREAD}, Δχ²"
        self.spread = sparse.identity(OBSERVED.n, format="dia")
        if resolution:
            self.spread = resolution_matrix(OBSERVED.n)
        with tempfile.TemporaryDirectory() as directory, _quiet():
            files = files or write_templates(library, Path(directory), smooth=not resolution)
            templates = load_templates([str(file) for file in files])
        grids = {BAND: OBSERVED.wave}
        with _quiet():
            self.templates = [DistTemplate(template, grids) for template in templates]

    def __call__(self, spectra: Spectra) -> Table:
        """Best solution of each spectrum: id, class, z, z_err, zwarn, delta_chi2, z by class."""
        from redrock.targets import DistTargetsCopy, Spectrum, Target
        from redrock.zfind import zfind

        targets, spectra = [], spectra.on(OBSERVED)
        for row in range(len(spectra)):
            flux, ivar = (np.array(a[row], np.float64) for a in (spectra.flux, spectra.ivar))
            one = Spectrum(OBSERVED.wave, flux, ivar, self.spread, self.spread.tocsr(), band=BAND)
            targets.append(Target(row, [one]))
        with _quiet():
            _, found = zfind(DistTargetsCopy(targets), self.templates, mp_procs=1)
        return best_rows(found, spectra.ids)


BAND = "sdss"

DIAGONALS = 9
"""Of a resolution matrix: redrock's reader of SDSS spectra takes four times the greatest line
spread, rounded up to whole pixels, and one; SDSS's greatest is between 1 and 2 pixels."""


def resolution_matrix(n: int) -> sparse.dia_matrix:
    """The line spread of spectra of ``n`` pixels, as redrock wants it."""
    offsets = np.arange(DIAGONALS) - DIAGONALS // 2
    profile = np.exp(-0.5 * (offsets / LINE_SPREAD) ** 2)
    return sparse.diags(profile / profile.sum(), offsets, shape=(n, n), format="dia")


NUMBERS = {"z": "z", "z_err": "zerr", "delta_chi2": "deltachi2"}
"""Columns of a catalog that are NaN without a solution, and redrock's names of them."""


@cache
def _digest(library: Path) -> str:
    """A checksum of the template files."""
    return _digest_of([library / f"{name}.npz" for name in template_names()])


def _digest_of(files: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in files:
        total.update(path.read_bytes())
    return total.hexdigest()[:16]


def best_rows(found: Table, ids: NDArray[Any]) -> Table:
    """redrock's table of solutions as a catalog, one row a spectrum.

    Parameters
    ----------
    found : Table
        Columns targetid (the row of the spectrum), znum, spectype, z, zerr, zwarn, deltachi2.
    ids : ndarray, shape (rows,)
        Identifiers of the spectra. One without a solution gets no class, NaN and the flag NODATA.
    """
    n = len(ids)
    columns: dict[str, NDArray[Any]] = {
        "id": np.asarray(ids).astype(str),
        "class": np.full(n, "", "U6"),
        "zwarn": np.full(n, int(ZWarn.NODATA)),
        **{name: np.full(n, np.nan) for name in ("z_star", "z_galaxy", "z_qso")},
    }
    columns |= {name: np.full(n, np.nan) for name in NUMBERS}
    best = found[found["znum"] == 0]
    row = np.asarray(best["targetid"], np.int64)
    for ours, theirs in {"class": "spectype", "zwarn": "zwarn", **NUMBERS}.items():
        columns[ours][row] = best[theirs]
    for cls in CLASSES:
        of_class = found[found["spectype"] == cls]
        of_class.sort(["targetid", "znum"])
        rows, first = np.unique(np.asarray(of_class["targetid"], np.int64), return_index=True)
        columns[f"z_{cls.lower()}"][rows] = of_class["z"][first]
    return make_catalog(columns)
