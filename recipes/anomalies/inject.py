"""All injections, and how they are put into the hosts.

    from anomalies.inject import INJECTIONS, hosts, inject

A spectrum is drawn anew, from other random numbers, until the injection can be done to it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mock_survey.library import Survey
from numpy.typing import NDArray

from anomalies import defects, redshifts, unlike
from anomalies.spectrum import Host, Injection, Strange
from gasnet3.spectra.batch import Spectra
from gasnet3.spectra.lattice import WIDE

INJECTIONS: tuple[Injection, ...] = (
    *defects.INJECTIONS,
    *unlike.INJECTIONS,
    *redshifts.INJECTIONS,
)

TRIES = 40
"""Hosts tried for each spectrum wanted."""


@dataclass(frozen=True, eq=False)
class Injected:
    """Spectra with one injection at one strength.

    Attributes
    ----------
    injection : Injection
        What was done.
    strength : float
        How strongly.
    hosts : list of Host
        To what, shape (rows,).
    strange : list of Strange
        What came of it, shape (rows,).
    """

    injection: Injection
    strength: float
    hosts: list[Host]
    strange: list[Strange]

    @property
    def spectra(self) -> Spectra:
        """The strange spectra; ``meta`` has the name and the strength."""
        rows = len(self.strange)
        name = self.injection.name
        return Spectra.from_arrays(
            np.array([s.flux for s in self.strange]).reshape(rows, WIDE.n),
            np.array([s.ivar for s in self.strange]).reshape(rows, WIDE.n),
            loglam=WIDE.loglam,
            lattice=WIDE,
            ids=[f"{name} {self.strength:g}/{host.id}" for host in self.hosts],
            meta={
                "injected": np.full(rows, name),
                "strength": np.full(rows, self.strength),
                "injected_sn": np.array([s.sn for s in self.strange]),
            },
        )


def hosts(survey: Survey, *, validation: bool, min_sn: float = 3.0) -> list[Host]:
    """Labelled real spectra of one part that the survey's pipeline did not doubt."""
    flux, ivar = survey.spectra
    out = []
    for i in survey.labelled(validation=validation):
        row = survey.rows[i]
        if float(row["zwarning"] or 0) == 0:
            name = f"{row['survey']}/{row['name']}"
            values = flux[i].astype(np.float64), ivar[i].astype(np.float64)
            out.append(Host(*values, cls=row["cls"], z=float(row["z"]), id=name))
    return [host for host in out if host.sn >= min_sn]


def inject(
    injection: Injection, strength: float, sample: Sequence[Host], rows: int, seed: int = 0
) -> Injected:
    """Make spectra strange; fewer than ``rows`` where too few hosts can be.

    Parameters
    ----------
    injection : Injection
        What to do.
    strength : float
        How strongly, in the injection's own unit.
    sample : sequence of Host
        What to do it to.
    rows : int
        Spectra wanted.
    seed : int
        Same seed, same spectra.
    """
    rng = np.random.default_rng([seed, zlib.crc32(injection.name.encode()), int(1000 * strength)])
    usable = [host for host in sample if host.cls in injection.classes]
    chosen: list[Host] = []
    strange: list[Strange] = []
    for _ in range(TRIES):
        for index in rng.permutation(len(usable)):
            if len(strange) == rows:
                break
            made = injection.inject(usable[index], rng, strength, sample)
            if made is not None:
                chosen.append(usable[index])
                strange.append(made)
    return Injected(injection, strength, chosen, strange)


def ordinary(survey: Survey, *, validation: bool) -> tuple[Spectra, NDArray[np.str_]]:
    """The labelled spectra of one part as they are, with their classes."""
    rows = survey.labelled(validation=validation)
    classes = np.array([survey.rows[i]["cls"] for i in rows])
    return survey.batch(rows, classes=classes), classes
