"""All that is measured of a batch of spectra with redshifts, and what of it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasnet3.flags import MeasureWarn
from gasnet3.machine.typing import Floats
from gasnet3.measurement.broad import BroadFit, fit_broad
from gasnet3.measurement.continuum import starlight
from gasnet3.measurement.dispersion import LEAST_SN, Dispersions, measure_dispersions
from gasnet3.measurement.kinds import bpt, ratios, spec1d_ratios, subclasses
from gasnet3.measurement.narrow import SLOT, WIDTHS, NarrowFit, fit_narrow, line_width
from gasnet3.measurement.templates import PIXEL_KM_S, Templates
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import ABSORBED, BROAD, FORBIDDEN, NARROW, PERMITTED
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import STEP

if TYPE_CHECKING:
    from gasnet3.spectra.lattice import LogLattice

KINDS = ("vdisp", "lines")
"""What can be measured alone."""

ROWS = 64
"""Spectra measured at once: memory depends on it, not answers."""

BESIDE = 12
"""Pixels on either side of a Balmer line between which spec1d sees its absorption."""

LEFT_IN = 0.5
"""Share of the absorption between those pixels that spec1d leaves in its Balmer lines.

The median of training galaxies of SDSS, where SDSS sees Hα or Hβ at 4 σ.
"""

DETECTED = 5.0
"""Flux over its error above which a narrow line is seen."""

EMPTY: dict[str, Any] = {"U": "", "i": 0, "f": np.nan}
"""Values of rows of which nothing is measured, by the kind of a column."""

NARROWEST = np.array([800.0, 250.0, 250.0])
"""Velocity and widths (km/s) beyond which narrow lines are taken for a part of broad ones."""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Fit:
    """What was fitted to a batch, in the pixels of its spectra.

    Attributes
    ----------
    rest : Rest
        The spectra at their redshifts.
    dispersions : Dispersions
        Of the stars.
    stars : ndarray of float64, shape (rows, n)
        Starlight, NaN where none was fitted.
    spread : ndarray of float64, shape (rows,)
        σ of the line spread in pixels.
    narrow : NarrowFit or None
        Narrow lines; None where lines were not asked for.
    broad : dict of str to BroadFit
        By the line's key.
    """

    rest: Rest
    dispersions: Dispersions
    stars: Floats
    spread: Floats
    narrow: NarrowFit | None
    broad: Mapping[str, BroadFit]


@dataclass(frozen=True, eq=False)
class Measurer:
    """Templates, and what is to be measured with them.

    Parameters
    ----------
    templates : Templates
        See :func:`~gasnet3.measurement.templates.load_templates`.
    only : {"", "vdisp", "lines"}
        Leave out the rest.
    lattice : LogLattice
        Observed pixels that the templates belong to.
    """

    templates: Templates
    only: str
    lattice: LogLattice

    def columns(
        self, spectra: Spectra, z: Floats, classes: NDArray[np.str_], zwarn: NDArray[np.int64]
    ) -> Columns:
        """Columns of :data:`~gasnet3.catalog.measured.MEASURED`, and ``subclass``.

        Parameters
        ----------
        spectra : Spectra
            On the lattice of the templates.
        z : ndarray of float64, shape (rows,)
            Redshifts; NaN: not known.
        classes : ndarray of str, shape (rows,)
            STAR, GALAXY, QSO; '' is taken for a galaxy.
        zwarn : ndarray of int64, shape (rows,)
            Warnings of the redshifts.
        """
        parts = [
            self._some(spectra[rows], z[rows], classes[rows], zwarn[rows])
            for rows in (slice(at, at + ROWS) for at in range(0, max(len(z), 1), ROWS))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _some(
        self, spectra: Spectra, z: Floats, classes: NDArray[np.str_], zwarn: NDArray[np.int64]
    ) -> Columns:
        warn = np.zeros(len(z), np.int64)
        known = np.isfinite(z) & (z > -0.5) & (z < 20.0)
        star = classes == "STAR"
        warn[~known] |= MeasureWarn.NO_REDSHIFT
        warn[star] |= MeasureWarn.STAR
        warn[known & (zwarn != 0)] |= MeasureWarn.Z_DOUBTED
        use = np.flatnonzero(known & ~star)
        fit = self.fit(spectra[use], z[use], classes[use])
        columns = self._measured(fit, z[use], classes[use])
        out: Columns = {}
        for name, values in columns.items():
            whole = np.full(len(z), EMPTY[values.dtype.kind], values.dtype)
            whole[use] = values
            out[name] = whole
        return out | {"measure_warn": out["measure_warn"] | warn}

    def fit(self, spectra: Spectra, z: Floats, classes: NDArray[np.str_]) -> Fit:
        """What is fitted to spectra at their redshifts."""
        flux, ivar = spectra.flux.astype(np.float64), spectra.ivar.astype(np.float64)
        rest = Rest.of(flux, ivar, spectra.lattice, z)
        resolution = spectra.resolution
        dispersions = measure_dispersions(rest, resolution, self.templates)
        spread = np.where(np.isfinite(resolution), resolution, self.templates.sigma)
        if self.only == "vdisp":
            nothing = np.full(flux.shape, np.nan)
            return Fit(rest, dispersions, nothing, spread, None, {})
        stars, depth_err = starlight(rest, dispersions.width, self.templates, classes == "QSO")
        light = flux - np.where(np.isfinite(stars), stars, 0.0)
        narrow = fit_narrow(rest, light, spread, depth_err)
        # A broad line that nobody looked for yet makes the narrow ones wide.
        first = np.minimum(narrow.kinematics, NARROWEST)
        broad = {line.key: fit_broad(rest, line, light, first, spread, stars) for line in BROAD}
        again = np.flatnonzero(np.any([one.there for one in broad.values()], axis=0))
        if len(again):
            # Stars and polynomials that know nothing of a broad line take some of it.
            known, width = np.ones(len(again), bool), dispersions.width[again]
            few = rest.rows(again)
            stars[again], depth_err[again] = starlight(few, width, self.templates, known)
            light[again] = flux[again] - np.where(np.isfinite(stars[again]), stars[again], 0.0)
            less = light[again] - sum(one.model[again] for one in broad.values())
            anew = fit_narrow(rest.rows(again), less, spread[again], depth_err[again])
            narrow = narrow.with_rows(again, anew)
            for line in BROAD:
                found = fit_broad(
                    rest.rows(again), line, light[again], narrow.kinematics[again],
                    spread[again], stars[again],
                )  # fmt: skip
                broad[line.key] = broad[line.key].with_rows(again, found)
        return Fit(rest, dispersions, stars, spread, narrow, broad)

    def _measured(self, fit: Fit, z: Floats, classes: NDArray[np.str_]) -> Columns:
        rows = len(z)
        warn = np.zeros(rows, np.int64)
        out: Columns = {}
        if self.only != "lines":
            out |= _dispersion_columns(fit.dispersions, classes, warn)
        if fit.narrow is not None:
            out |= _line_columns(fit, fit.narrow, z, classes, warn)
        return out | {"measure_warn": warn}


def _dispersion_columns(
    found: Dispersions, classes: NDArray[np.str_], warn: NDArray[np.int64]
) -> Columns:
    galaxy = classes != "QSO"
    low = found.sn < LEAST_SN
    told = galaxy & found.fitted & ~low
    warn[galaxy & ~found.fitted] |= MeasureWarn.VDISP_NOT_COVERED
    warn[galaxy & found.fitted & low] |= MeasureWarn.VDISP_LOW_SN
    warn[told & ~found.ranged] |= MeasureWarn.VDISP_AT_LIMIT
    warn[told & found.ranged & ~found.resolved] |= MeasureWarn.VDISP_UNRESOLVED
    blank = np.where(galaxy, 0.0, np.nan)
    return {
        "vdisp": found.vdisp + blank, "vdisp_err": found.err + blank,
        "vdisp_sn": found.sn + blank, "vdisp_rchi2": found.rchi2 + blank,
    }  # fmt: skip


def _line_columns(
    fit: Fit, narrow: NarrowFit, z: Floats, classes: NDArray[np.str_], warn: NDArray[np.int64]
) -> Columns:
    out: Columns = {}
    flux: dict[str, Floats] = {}
    err: dict[str, Floats] = {}
    seen = {PERMITTED: np.zeros(len(z), bool), FORBIDDEN: np.zeros(len(z), bool)}
    for line in NARROW:
        b, slot = SLOT[line.key]
        flux[line.key], err[line.key] = narrow.flux[:, b, slot], narrow.err[:, b, slot]
        level = narrow.level[:, b, slot] + _below(fit, line.waves[0], narrow.kinematics[:, 0])
        out |= _strength(line.key, flux[line.key], err[line.key], level, z)
        with np.errstate(invalid="ignore"):
            seen[line.family] |= flux[line.key] > DETECTED * narrow.noise[:, b, slot]
    out |= _kinematic_columns(narrow, seen, warn)
    for key, one in fit.broad.items():
        wave = next(line.wave for line in BROAD if line.key == key)
        level = one.level + _below(fit, wave, np.zeros(len(z)))
        out |= _strength(key, one.flux, one.flux_err, level, z)
        out |= {
            f"{key}_sigma": one.sigma, f"{key}_sigma_err": one.sigma_err,
            f"{key}_v": one.v, f"{key}_v_err": one.v_err,
        }  # fmt: skip
    covered = np.any([np.isfinite(values) for values in flux.values()], axis=0)
    found = np.any([one.there for one in fit.broad.values()], axis=0)
    warn[~covered & ~found] |= MeasureWarn.LINES_NOT_COVERED
    warn[covered & ~(seen[PERMITTED] | seen[FORBIDDEN])] |= MeasureWarn.NO_LINES
    x, y = ratios(flux, err)
    broad = fit.broad["halpha_broad"].there | fit.broad["hbeta_broad"].there
    broad |= _wide(narrow, flux, err)
    kind = subclasses(*spec1d_ratios(*_as_spec1d(fit, narrow, flux, err)), out["halpha_ew"], broad)
    broadline = np.where(broad, "BROADLINE", "")
    out["subclass"] = np.where(classes == "QSO", broadline, kind)
    out["bpt"] = np.where(classes == "QSO", "", bpt(x, y))
    return out


def _wide(narrow: NarrowFit, flux: Mapping[str, Floats], err: Mapping[str, Floats]) -> Any:
    """Whether lines are what SDSS calls broad: above 10 σ, and 200 km/s by 5 σ, shape (rows,)."""
    out = np.zeros(len(narrow.kinematics), bool)
    with np.errstate(invalid="ignore"):
        for line in NARROW:
            sigma = narrow.kinematics[:, 1 + line.family]
            wide = sigma - 5.0 * narrow.kinematics_err[:, 1 + line.family] > 200.0
            out |= wide & (flux[line.key] > 10.0 * err[line.key])
    return out


def _as_spec1d(
    fit: Fit, narrow: NarrowFit, flux: Mapping[str, Floats], err: Mapping[str, Floats]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Fluxes and errors by which spec1d defines its subclasses: half the absorption is left in."""
    out, noise = dict(flux), dict(err)
    for key in ("hbeta", "halpha"):
        wave, zero = ABSORBED[key], np.zeros(len(fit.rest))
        around = [_below(fit, wave, zero + side * BESIDE * PIXEL_KM_S) for side in (-1, 1)]
        depth = LEFT_IN * (0.5 * (around[0] + around[1]) - _below(fit, wave, zero))
        width = line_width(narrow.kinematics[:, 1 + PERMITTED], fit.spread)
        shift = (fit.rest.whole + fit.rest.part) * STEP
        out[key] = flux[key] - depth * width * wave * 10.0**shift * STEP * np.log(10.0)
        noise[key] = narrow.noise[:, SLOT[key][0], SLOT[key][1]]
    return out, noise


def _below(fit: Fit, wave: float, v: Floats) -> Floats:
    """Starlight at a line, 0 where none was fitted, shape (rows,)."""
    rest = fit.rest
    place = np.log10(wave) / STEP + v / PIXEL_KM_S + rest.whole + rest.part - rest.lattice.k_min
    at = np.clip(np.rint(np.nan_to_num(place)), 0, rest.lattice.n - 1).astype(np.int64)
    return np.nan_to_num(fit.stars[np.arange(len(rest)), at])


def _strength(key: str, flux: Floats, err: Floats, level: Floats, z: Floats) -> Columns:
    """Flux and equivalent width of one line; no width where there is no light below it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        per = 1.0 / np.where(level > 0, level * (1.0 + z), np.nan)
    return {
        f"{key}_flux": flux, f"{key}_flux_err": err,
        f"{key}_ew": flux * per, f"{key}_ew_err": err * per,
    }  # fmt: skip


def _kinematic_columns(
    narrow: NarrowFit, seen: Mapping[int, NDArray[np.bool_]], warn: NDArray[np.int64]
) -> Columns:
    """Velocity and widths where lines tell them."""
    any_seen = seen[PERMITTED] | seen[FORBIDDEN]
    out = {
        "gas_v": np.where(any_seen, narrow.kinematics[:, 0], np.nan),
        "gas_v_err": np.where(any_seen, narrow.kinematics_err[:, 0], np.nan),
    }
    at_limit = np.abs(narrow.kinematics[:, 0]) > 790.0
    for family, name in ((PERMITTED, "permitted"), (FORBIDDEN, "forbidden")):
        sigma, err = narrow.kinematics[:, 1 + family], narrow.kinematics_err[:, 1 + family]
        resolved = sigma > 2.0 * err
        told = seen[family] & resolved
        out[f"sigma_{name}"] = np.where(told, sigma, np.nan)
        out[f"sigma_{name}_err"] = np.where(told, err, np.nan)
        warn[seen[family] & ~resolved] |= MeasureWarn.LINES_UNRESOLVED
        at_limit |= seen[family] & (sigma > 0.99 * WIDTHS[1])
    warn[any_seen & at_limit] |= MeasureWarn.LINES_AT_LIMIT
    return out
