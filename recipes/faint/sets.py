"""The spectra: made faint, bright, real faint ones, and those without any redshift to find."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mock_survey.faint import labelled_as, made_faint
from mock_survey.library import Survey, in_validation

from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE

SN = (1, 2, 3, 5)
"""Median S/N a pixel of the spectra made faint."""

SEED = 70

BY_EYE = "fors2_rxj0054"
"""The set whose redshifts were found by eye."""

TWO_SURVEYS = ("desi_andes", "desi_clagn", "desi_qslml", "boss_ebossdap")
"""Real faint sets that are counted together as DESI + BOSS."""

NOISE, NOISE_SN = 80, 10.0
"""Spectra of flat noise, and their S/N."""


def by_sn(survey: Survey) -> dict[str, Spectra]:
    """The validation spectra made faint, by the name of their S/N."""
    return {f"S/N {sn}": made_faint(survey, sn, validation=True, seed=SEED + sn) for sn in SN}


def bright(survey: Survey) -> Spectra:
    """The validation spectra as they are."""
    chosen = survey.labelled(validation=True)
    flux, ivar = survey.spectra
    return labelled_as(survey, chosen, flux[chosen], ivar[chosen], "real")


def real_sets(shared: Path, *, validation: bool) -> dict[str, Spectra]:
    """The faint sets of the shared directory whose redshifts are known, by name.

    Of the validation groups, or of those that something may be fitted to.
    """
    survey = Survey(shared)
    rows = survey.faint
    z = np.array([float(row["z"] or "nan") for row in rows])
    sets = np.array([row["set"] for row in rows])
    part = np.array([in_validation(row["group"]) == validation for row in rows])
    out = {}
    for name in dict.fromkeys(sets.tolist()):
        at = np.flatnonzero((sets == name) & np.isfinite(z) & part)
        if len(at):
            classes = np.array([rows[i]["cls"] for i in at])
            out[name] = survey.faint_batch(at, z=z[at], classes=classes)
    return out


def sky(survey: Survey) -> Spectra:
    """The sky fibres of the validation groups."""
    return survey.batch(survey.of_role("sky", validation=True))


def flat_noise() -> Spectra:
    """A level of one and nothing but noise."""
    rng = np.random.default_rng(0)
    flux = 1.0 + rng.normal(size=(NOISE, WIDE.n)) / NOISE_SN
    return Spectra.from_arrays(
        flux, np.full_like(flux, NOISE_SN**2), loglam=WIDE.loglam, lattice=WIDE
    )  # fmt: skip
