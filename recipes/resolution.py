"""What it is worth to state the resolution: the same spectra at several, stated and not.

Bright SDSS spectra of the validation groups are made broader with a Gaussian, and noise is added
to a S/N of 10 a pixel. DESI's are taken as they are (R of 2000 to 5500, from 3600 to 9824 Å), and
broadened to the resolution of the models before they are rebinned.

    python recipes/resolution.py --page docs/surveys.md
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from mock_survey.library import SHARED, Survey
from numpy.typing import NDArray
from pages import table, write_part

from gasnet3.io.survey.desi import SIGMA as DESI
from gasnet3.io.survey.sdss import SIGMA
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.broaden import smooth
from gasnet3.spectra.batch import RESOLUTION, Spectra
from gasnet3.spectra.lattice import C_KM_S, LN10_STEP
from gasnet3.spectra.resolution import sigma_of_power

Floats = NDArray[np.float64]

POWERS = (300.0, 600.0, 1000.0, 2000.0)
LIMITS = {"GALAXY": 1500.0, "QSO": 3000.0, "STAR": 300.0}
"""km/s within which a redshift is right."""
SN = 10.0
BRIGHT = 20.0
DESI_SETS = ("desi_andes", "desi_clagn", "desi_qslml")
ARMS = ((5780.0, "B"), (7570.0, "R"), (np.inf, "Z"))


def bright(survey: Survey, most: int) -> Spectra:
    """SDSS's spectra of the validation groups with S/N 20 and more."""
    rows = [
        i
        for i in survey.labelled(validation=True)
        if survey.rows[i]["survey"].startswith("SDSS") and float(survey.rows[i]["sn"]) >= BRIGHT
    ]
    rows = rows[:: max(1, -(-len(rows) // most))]
    labels = [survey.rows[i] for i in rows]
    return replace(
        survey.batch(rows),
        z=np.array([float(row["z"]) for row in labels]),
        classes=np.array([row["cls"] for row in labels]),
    )


def broadened(spectra: Spectra, power: float, seed: int) -> Spectra:
    """The same at a resolving power, with noise."""
    good = spectra.ivar > 0
    flux = np.where(good, spectra.flux, 0.0)
    level = np.array([np.median(np.abs(f[g])) for f, g in zip(flux, good, strict=True)])
    more = float(sigma_of_power(power)) ** 2 - SIGMA**2
    if more > 0.05:
        weight = smooth(good.astype(np.float32), more**0.5)
        flux = smooth(flux.astype(np.float32), more**0.5) / np.maximum(weight, 1e-6)
        good = good & (weight > 0.5)
    noise = np.random.default_rng(seed).normal(size=flux.shape) * (level / SN)[:, None]
    ivar = np.where(good, (SN / level)[:, None] ** 2, 0.0)
    return replace(
        spectra,
        flux=np.where(good, flux + noise, 0.0).astype(np.float32),
        ivar=ivar.astype(np.float32),
        meta={},
    )


def stated(spectra: Spectra, sigma: float) -> Spectra:
    """The same with their resolution."""
    return replace(spectra, meta={RESOLUTION: np.full(len(spectra), sigma)})


def desi(shared: Path, pipeline: Pipeline, *, smoothed: bool) -> Spectra:
    """DESI's galaxies and quasars from their own pixels."""
    flux, ivar, z, cls = [], [], [], []
    for name in DESI_SETS:
        with np.load(shared / "data" / "faint-native" / f"{name}.npz") as file:
            known = np.isin(file["cls"], ("GALAXY", "QSO")) & np.isfinite(file["z"])
            wave = file["wave"].astype(np.float64)
            flux.append(np.nan_to_num(file["flux"][known].astype(np.float64)))
            ivar.append(np.nan_to_num(file["ivar"][known].astype(np.float64)))
            z.append(file["z"][known])
            cls.append(file["cls"][known])
    both = np.concatenate(flux), np.concatenate(ivar)
    if smoothed:
        both = to_models(wave, *both)
    names = np.concatenate(cls).astype(np.str_)
    return Spectra.from_arrays(
        *both, wave, z=np.concatenate(z), classes=names, lattice=pipeline.lattice
    )


def to_models(wave: Floats, flux: Floats, ivar: Floats) -> tuple[Floats, Floats]:
    """DESI's spectra as broad as the models; the variance of the total flux stays as it is."""
    own = np.select([wave < end for end, _ in ARMS], [DESI[arm] for _, arm in ARMS])
    width = np.sqrt(SIGMA**2 - own**2) * wave * LN10_STEP
    out, out_ivar = np.zeros_like(flux), np.zeros_like(flux)
    good = ivar > 0
    variance = np.where(good, 1.0 / np.where(good, ivar, 1.0), 0.0)
    for at, centre in enumerate(wave):
        near = slice(*np.searchsorted(wave, centre + 5.0 * width[at] * np.array([-1.0, 1.0])))
        weight = np.exp(-0.5 * ((wave[near] - centre) / width[at]) ** 2)
        share = good[:, near] @ weight
        use = good[:, at] & (share > 0.5 * weight.sum())
        share = np.where(use, share, 1.0)
        out[:, at] = np.where(use, (flux[:, near] * good[:, near]) @ weight / share, 0.0)
        spread = variance[:, near] @ weight / share
        out_ivar[:, at] = np.where(use, 1.0 / np.where(use, spread, 1.0), 0.0)
    return out, out_ivar


def scores(pipeline: Pipeline, spectra: Spectra) -> list[list[str]]:
    """Class, n, right, bias, scatter and reduced χ² of each class that there is."""
    found = pipeline.run(spectra)
    velocity = (np.asarray(found["z"]) - spectra.z) / (1.0 + spectra.z) * C_KM_S
    rows = []
    for cls, limit in LIMITS.items():
        mine = spectra.classes == cls
        right = mine & (np.abs(velocity) < limit)
        if not right.any():
            continue
        middle = np.median(velocity[right])
        scatter = 1.4826 * np.median(np.abs(velocity[right] - middle))
        same = (np.asarray(found["class"]) == cls)[mine].mean()
        rows.append(
            [cls, str(mine.sum()), f"{right.sum() / mine.sum():.3f}", f"{same:.3f}",
             f"{middle:+.0f}", f"{scatter:.0f}", f"{np.median(found['rchi2'][mine]):.3f}"]
        )  # fmt: skip
    return rows


def main() -> None:
    """Make, classify, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=SHARED)
    parser.add_argument("--models", default="encoder", help="architecture or directory")
    parser.add_argument("--most", type=int, default=100, help="SDSS spectra")
    parser.add_argument("--page", type=Path, help="page whose part is written")
    arguments = parser.parse_args()
    pipeline = Pipeline.load(arguments.models)
    spectra = bright(Survey(arguments.shared), arguments.most)
    rows: list[list[str]] = []
    for power in POWERS:
        made = broadened(spectra, power, seed=int(power))
        rows += [[f"{power:.0f}", "no", *row] for row in scores(pipeline, made)]
        told = stated(made, float(sigma_of_power(power)))
        if not (told.resolution_levels > 0).any():
            continue  # to the bit the same
        rows += [[f"{power:.0f}", "yes", *row] for row in scores(pipeline, told)]
    for text, smoothed in (("DESI", False), ("DESI, smoothed", True)):
        made = desi(arguments.shared, pipeline, smoothed=smoothed)
        rows += [[text, "no", *row] for row in scores(pipeline, made)]
    head = ("R", "stated", "class", "n", "right z", "right class", "bias, km/s", "scatter, km/s")
    lines = table([*head, "reduced χ²"], rows).splitlines()
    print("\n".join(lines))
    if arguments.page is not None:
        write_part(arguments.page, "resolution", lines)


if __name__ == "__main__":
    main()
