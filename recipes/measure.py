"""What gasnet3 measure is worth: beside SDSS's answers, and on spectra made with known ones.

The own width of the templates is fitted to training galaxies (``--fit``); all else is of galaxies
that nothing was fitted to.

    python recipes/measure.py --page docs/measure.md
"""

from __future__ import annotations

import argparse
import csv
import gzip
import time
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mock_survey.library import SHARED
from numpy.typing import NDArray
from pages import table, write_part

from gasnet3.measurement.continuum import starlight
from gasnet3.measurement.dispersion import measure_dispersions
from gasnet3.measurement.measurer import Measurer
from gasnet3.measurement.table import load_measurer
from gasnet3.measurement.templates import GRID, PIXEL_KM_S
from gasnet3.measurement.window import Rest
from gasnet3.spectra.atlas import NARROW
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import OBSERVED, STEP

Floats = NDArray[np.float64]
DATA = SHARED / "data"
SIGMAS = (50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0)
NAMES = {
    "oiii_5008": "[O_III] 5007", "halpha": "H_alpha", "nii_6585": "[N_II] 6583",
    "sii_6718": "[S_II] 6716", "sii_6733": "[S_II] 6730",
}  # fmt: skip
ABSORBED = {"halpha": 20.0}
"""Least equivalent width where SDSS's fit is compared: it does not take absorption off."""

SDSS = ("AGN", "STARFORMING", "STARBURST")


@dataclass
class Sample:
    """Galaxies with SDSS's answers."""

    spectra: Spectra
    rows: list[dict[str, str]]
    vdisp: Floats
    err: Floats

    @property
    def z(self) -> Floats:
        return self.spectra.z

    def some(self, which: Any) -> Sample:
        index = np.arange(len(self.rows))[which]
        return Sample(
            self.spectra[index], [self.rows[i] for i in index], self.vdisp[index], self.err[index]
        )


def sample(*, held: bool) -> Sample:
    """The galaxies of labels/vdisp.csv, one third (by group) or the others."""
    rows = list(csv.DictReader((DATA / "spectra.csv").open()))
    labels = {r["name"]: r for r in csv.DictReader((DATA / "labels/vdisp.csv").open())}
    which = [
        i
        for i, row in enumerate(rows)
        if row["name"] in labels and (zlib.crc32(row["group"].encode()) % 3 == 0) == held
    ]
    stored = np.load(DATA / "spectra.npz")
    found = [labels[rows[i]["name"]] for i in which]
    spectra = Spectra.from_arrays(
        stored["flux"][which], stored["ivar"][which], loglam=OBSERVED.loglam,
        ids=[rows[i]["name"] for i in which], z=[float(one["z"]) for one in found],
    )  # fmt: skip
    numbers = np.array([[float(one["vdisp"]), float(one["vdisp_err"])] for one in found])
    return Sample(spectra, [rows[i] for i in which], numbers[:, 0], numbers[:, 1])


def robust(values: Floats) -> float:
    """Scatter by the median absolute deviation."""
    values = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def dispersions(measurer: Measurer, spectra: Spectra, z: Floats) -> tuple[Floats, Floats]:
    """Dispersion and error of each row."""
    flux, ivar = spectra.flux.astype(np.float64), spectra.ivar.astype(np.float64)
    rest = Rest.of(flux, ivar, spectra.lattice, z)
    found = measure_dispersions(rest, spectra.resolution, measurer.templates)
    return found.vdisp, found.err


def in_range(galaxies: Sample) -> Sample:
    """Those with a dispersion of SDSS of 60 to 500 km/s."""
    return galaxies.some((galaxies.vdisp >= 60) & (galaxies.vdisp <= 500) & (galaxies.err > 0))


def fit_width(measurer: Measurer) -> None:
    """Print the median ratio to SDSS of training galaxies for some own widths of the templates."""
    train = in_range(sample(held=False)).some(slice(None, None, 3))
    for width in (44.0, 46.0, 48.0, 50.0, 52.0):
        templates = replace(measurer.templates, own_width=width)
        found, _ = dispersions(replace(measurer, templates=templates), train.spectra, train.z)
        print(f"{width:.0f} km/s: ratio {np.nanmedian(found / train.vdisp):.4f}")


def noisy(spectra: Spectra, sn: float, rng: np.random.Generator) -> Spectra:
    """The same with noise added to a median S/N a pixel, where it is better than that."""
    good = spectra.ivar > 0
    level = np.array([np.median(f[g]) for f, g in zip(spectra.flux, good, strict=True)])
    extra = np.sqrt(np.maximum((level / sn) ** 2, 0.0))[:, None]
    flux = spectra.flux + np.where(good, extra * rng.standard_normal(spectra.flux.shape), 0.0)
    with np.errstate(divide="ignore"):
        ivar = np.where(good, 1.0 / (1.0 / np.where(good, spectra.ivar, 1.0) + extra**2), 0.0)
    return replace(spectra, flux=flux, ivar=ivar)


def of_sdss(measurer: Measurer, galaxies: Sample, rng: np.random.Generator) -> list[list[str]]:
    """Rows of the table of dispersions beside SDSS's."""
    galaxies = in_range(galaxies)
    out = []
    for name, spectra in (
        ("as observed, S/N 58", galaxies.spectra),
        ("S/N 10", noisy(galaxies.spectra, 10.0, rng)),
    ):
        found, err = dispersions(measurer, spectra, galaxies.z)
        off = found - galaxies.vdisp
        out.append([
            name, str(len(found)), f"{np.isfinite(found).mean():.3f}",
            f"{np.nanmedian(found / galaxies.vdisp):.3f}", f"{robust(off):.1f}",
            f"{np.nanmedian(err):.1f}", f"{robust(off / np.hypot(err, galaxies.err)):.2f}",
        ])  # fmt: skip
    return out


def stars() -> tuple[Spectra, Floats]:
    """Real stars of types F5 to K7, S/N 20 and more, of the validation groups."""
    rows = list(csv.DictReader((DATA / "spectra.csv").open()))
    which = [
        i
        for i, row in enumerate(rows)
        if row["cls"] == "STAR" and row["survey"] == "SDSS" and row["role"] == "labelled"
        and row["sub"][:2] in ("F5", "F8", "F9", *(f"{t}{n}" for t in "GK" for n in range(8)))
        and float(row["sn"]) >= 20 and zlib.crc32(row["group"].encode()) % 3 == 0
    ]  # fmt: skip
    stored = np.load(DATA / "spectra.npz")
    spectra = Spectra.from_arrays(
        stored["flux"][which], stored["ivar"][which], loglam=OBSERVED.loglam
    )
    return spectra, np.array([float(rows[i]["z"]) for i in which])


def broadened(spectra: Spectra, sigma: float) -> Spectra:
    """Spectra with a dispersion put on (km/s), gaps filled in first; errors as they were."""
    half = int(np.ceil(4 * sigma / PIXEL_KM_S)) + 1
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) * PIXEL_KM_S / sigma) ** 2)
    kernel /= kernel.sum()
    at = np.arange(spectra.lattice.n)
    out = np.zeros(spectra.flux.shape)
    for row, (flux, ivar) in enumerate(zip(spectra.flux, spectra.ivar, strict=True)):
        whole = np.interp(at, at[ivar > 0], flux[ivar > 0])
        out[row] = np.convolve(np.pad(whole, half, mode="edge"), kernel, "valid")
    return replace(spectra, flux=np.where(spectra.ivar > 0, out, 0.0))


def of_stars(measurer: Measurer, rng: np.random.Generator) -> list[list[str]]:
    """Rows of the table of real stars made broader by known dispersions."""
    seen, z = stars()
    out = []
    for sigma in SIGMAS:
        found, err = dispersions(measurer, noisy(broadened(seen, sigma), 30.0, rng), z)
        out.append([
            f"{sigma:.0f}", str(len(found)), f"{np.isfinite(found).mean():.2f}",
            f"{np.nanmedian(found):.0f}", f"{robust(found):.0f}", f"{np.nanmedian(err):.0f}",
        ])  # fmt: skip
    return out


def starlight_of(measurer: Measurer, galaxies: Sample) -> tuple[Rest, Floats]:
    """Starlight fitted to galaxies."""
    kinds = np.full(len(galaxies.rows), "GALAXY")
    fit = measurer.fit(galaxies.spectra.on(measurer.lattice), galaxies.z, kinds)
    return fit.rest, fit.stars


def of_mixes(measurer: Measurer, galaxies: Sample, rng: np.random.Generator) -> list[list[str]]:
    """Rows of the table of galaxies' own mixes of stars, made with known dispersions."""
    spectra, templates = galaxies.spectra.on(measurer.lattice), measurer.templates
    flux, ivar = spectra.flux.astype(np.float64), spectra.ivar.astype(np.float64)
    rest = Rest.of(flux, ivar, spectra.lattice, galaxies.z)
    out = []
    for sigma in SIGMAS:
        width = np.full(len(spectra), int(np.argmin(np.abs(GRID - sigma))))
        stars_, _ = starlight(rest, width, templates, np.zeros(len(spectra), bool))
        there = np.isfinite(stars_) & (ivar > 0)
        mock = replace(
            spectra, flux=np.where(there, stars_, 0.0), ivar=np.where(there, ivar * 1e6, 0.0)
        )
        found, err = dispersions(measurer, noisy(mock, 25.0, rng), galaxies.z)
        out.append([
            f"{sigma:.0f}", str(len(found)), f"{np.isfinite(found).mean():.2f}",
            f"{np.nanmedian(found):.1f}", f"{robust(found):.1f}",
            f"{robust((found - sigma) / err):.2f}",
        ])  # fmt: skip
    return out


def injected(measurer: Measurer, galaxies: Sample, rng: np.random.Generator) -> list[list[str]]:
    """Rows of the table of lines put onto starlight, at S/N 15 a pixel."""
    rest, stars_ = starlight_of(measurer, galaxies)
    spectra = galaxies.spectra.on(measurer.lattice)
    good = np.isfinite(stars_) & (spectra.ivar > 0)
    level = np.array([np.median(f[g]) for f, g in zip(stars_, good, strict=True)])
    noise = (level / 15.0)[:, None]
    n, rows = spectra.lattice.n, len(spectra)
    v, sigma = rng.normal(0.0, 60.0, rows), rng.uniform(60.0, 250.0, rows)
    place = spectra.lattice.k_min + np.arange(n) - (rest.whole + rest.part)[:, None]
    width = np.hypot(sigma / PIXEL_KM_S, measurer.templates.sigma)[:, None]
    truth: dict[str, Floats] = {}
    flux = np.where(good, stars_, 0.0) + noise * rng.standard_normal((rows, n))
    for line in NARROW:
        truth[line.key] = level * 10.0 ** rng.uniform(-0.5, 1.3, rows)
        for wave, ratio in zip(line.waves, line.ratios, strict=True):
            u = (place - np.log10(wave) / STEP - (v / PIXEL_KM_S)[:, None]) / width
            step = wave * (1.0 + galaxies.z)[:, None] * STEP * np.log(10.0)
            one = np.exp(-0.5 * u**2) / (np.sqrt(2 * np.pi) * width) / step
            flux += (ratio * truth[line.key])[:, None] * one
    mock = replace(spectra, flux=np.where(good, flux, 0.0), ivar=np.where(good, noise**-2.0, 0.0))
    kinds, zero = np.full(rows, "GALAXY"), np.zeros(rows, np.int64)
    found = measurer.columns(mock, galaxies.z, kinds, zero)
    out = []
    for line in NARROW:
        pull = (found[f"{line.key}_flux"] - truth[line.key]) / found[f"{line.key}_flux_err"]
        there = np.isfinite(pull)
        if there.sum() < 20:
            continue
        strong = there & (truth[line.key] > 10 * found[f"{line.key}_flux_err"])
        shares = found[f"{line.key}_flux"][strong] / truth[line.key][strong]
        shown = f"{np.median(shares):.3f}" if strong.any() else ""
        out.append([
            line.name + f" {line.waves[0]:.0f}", str(int(there.sum())), shown,
            f"{np.median(pull[there]):+.2f}", f"{robust(pull):.2f}",
        ])  # fmt: skip
    return out


def lines_of_sdss(found: dict[str, Any], galaxies: Sample) -> list[list[str]]:
    """Rows of the table of line fluxes beside SDSS's."""
    with gzip.open(DATA / "labels/lines.csv.gz", "rt") as stream:
        fits = {(row["name"], row["line"]): row for row in csv.DictReader(stream)}
    out = []
    for key, name in NAMES.items():
        ratio = []
        for i, row in enumerate(galaxies.rows):
            fit = fits.get((row["name"], name))
            if fit is None or float(fit["area_err"]) <= 0:
                continue
            area, sure = float(fit["area"]), float(fit["area"]) / float(fit["area_err"])
            if sure > 10 and float(fit["ew"]) > ABSORBED.get(key, 0.0):
                ratio.append(found[f"{key}_flux"][i] / area)
        out.append([
            name, str(len(ratio)), f"{np.nanmedian(ratio):.3f}",
            f"{robust(np.array(ratio)):.3f}",
        ])  # fmt: skip
    return out


def classes_of_sdss(found: dict[str, Any], galaxies: Sample) -> tuple[list[list[str]], str]:
    """Rows of the table of subclasses beside SDSS's, and the share that agrees."""
    theirs = np.array([row["sub"].split(" ")[0] for row in galaxies.rows])
    ours = np.array([one.split(" ")[0] for one in found["subclass"].tolist()])
    rows = []
    for kind in SDSS:
        counts = [int(((theirs == kind) & (ours == other)).sum()) for other in (*SDSS, "")]
        rows.append([kind, str(int((theirs == kind).sum())), *map(str, counts)])
    has = np.isin(theirs, SDSS)
    agree = ((theirs == "AGN") == (ours == "AGN"))[has] & (ours[has] != "")
    return rows, f"{agree.mean():.2f} of {has.sum()}"


def speed(measurer: Measurer, galaxies: Sample) -> float:
    """Galaxies a second of one core, CPU time, the best of three rounds."""
    some = galaxies.some(slice(0, 128))
    spectra = some.spectra.on(measurer.lattice)
    kinds, zero = np.full(len(spectra), "GALAXY"), np.zeros(len(spectra), np.int64)
    least = np.inf
    for _ in range(3):
        start = time.process_time()
        measurer.columns(spectra, some.z, kinds, zero)
        least = min(least, time.process_time() - start)
    return len(spectra) / least


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--fit", action="store_true", help="print the ratio for some own widths")
    args = parser.parse_args()
    measurer, rng = load_measurer(), np.random.default_rng(7)
    if args.fit:
        fit_width(measurer)
        return
    galaxies = sample(held=True)
    zero = np.zeros(len(galaxies.rows), np.int64)
    kinds = np.full(len(zero), "GALAXY")
    found = measurer.columns(galaxies.spectra.on(measurer.lattice), galaxies.z, kinds, zero)
    subclasses, agree = classes_of_sdss(found, galaxies)
    parts = {
        "vdisp": [table(
            ("", "n", "measured", "median ratio", "scatter, km/s", "median error", "pulls"),
            of_sdss(measurer, galaxies, rng),
        )],
        "stars": [table(
            ("σ put on", "n", "measured", "median", "scatter", "median error"),
            of_stars(measurer, rng),
        )],
        "mixes": [
            table(
                ("σ", "n", "measured", "median", "scatter", "width of pulls"),
                of_mixes(measurer, galaxies.some(slice(None, None, 4)), rng),
            )
        ],
        "lines": [table(("line", "n", "median ratio", "scatter"), lines_of_sdss(found, galaxies))],
        "injected": [table(
            ("line", "n", "median ratio above 10 σ", "median pull", "width of pulls"),
            injected(measurer, galaxies, rng),
        )],
        "classes": [
            table(("SDSS", "n", *(f"here {kind}" for kind in SDSS), "not told"), subclasses),
            f"AGN or not agrees for {agree}.",
        ],
        "speed": [f"{speed(measurer, galaxies):.0f} galaxies a second of CPU time on one core."],
    }  # fmt: skip
    for name, lines in parts.items():
        print(name, *lines, sep="\n")
        if args.page:
            write_part(args.page, name, lines)


if __name__ == "__main__":
    main()
