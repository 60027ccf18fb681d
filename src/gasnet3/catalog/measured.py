"""Columns of what ``gasnet3 measure`` finds: dispersions, lines, and classes by lines."""

from __future__ import annotations

from gasnet3.catalog.column import Column
from gasnet3.spectra.atlas import BROAD, NARROW

KM_S = "km s-1"


def _line(key: str, what: str) -> tuple[Column, ...]:
    """Flux and rest-frame equivalent width of a line, with errors."""
    width = f"rest-frame equivalent width of {what}, positive in emission"
    return (
        Column(
            f"{key}_flux", "f8", f"flux of {what}: the spectra's unit of flux density times Å",
            "phot.flux;em.line",
        ),
        Column(f"{key}_flux_err", "f8", "1-sigma error of it", "stat.error;phot.flux"),
        Column(f"{key}_ew", "f8", width, "spect.line.eqWidth", unit="Angstrom"),
        Column(
            f"{key}_ew_err", "f8", "1-sigma error of it", "stat.error;spect.line.eqWidth",
            unit="Angstrom",
        ),
    )  # fmt: skip


def _velocity(name: str, what: str, ucd: str) -> tuple[Column, ...]:
    """A velocity with its error."""
    return (
        Column(name, "f8", what, ucd, unit=KM_S),
        Column(f"{name}_err", "f8", "1-sigma error of it", f"stat.error;{ucd}", unit=KM_S),
    )


def _broad(key: str, name: str) -> tuple[Column, ...]:
    what = f"the broad component of {name}, NaN where none wins by evidence"
    return (
        *_line(key, what),
        *_velocity(f"{key}_sigma", f"sigma of broad {name}", "phys.veloc.dispersion"),
        *_velocity(f"{key}_v", f"velocity of broad {name} about z", "phys.veloc"),
    )


MEASURED: tuple[Column, ...] = (
    Column(
        "measure_warn",
        "i8",
        "what could not be measured and why, in bits (gasnet3.flags.MeasureWarn)",
        "meta.code.qual",
    ),
    *_velocity("vdisp", "velocity dispersion of the stars", "phys.veloc.dispersion"),
    Column("vdisp_sn", "f8", "median S/N a pixel where it is measured", "stat.snr"),
    Column("vdisp_rchi2", "f8", "reduced chi2 of its fit", "stat.fit.goodness"),
    *_velocity("gas_v", "velocity of the narrow lines about z", "phys.veloc"),
    *_velocity("sigma_permitted", "sigma of narrow Balmer and He lines", "phys.veloc.dispersion"),
    *_velocity("sigma_forbidden", "sigma of narrow forbidden lines", "phys.veloc.dispersion"),
    Column(
        "bpt",
        "str",
        "STARFORMING, COMPOSITE, SEYFERT or LINER; empty where a line is below 3 sigma",
        "src.class",
    ),
    *(column for line in NARROW for column in _line(line.key, line.name)),
    *(column for line in BROAD for column in _broad(line.key, line.name)),
)
"""The columns beside those of the catalog, in their order."""
