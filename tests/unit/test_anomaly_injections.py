"""What is put into spectra to be found: where it says, as strong as it says, and no more."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from anomalies.inject import INJECTIONS, hosts, inject, ordinary
from anomalies.spectrum import WAVE, Host, line
from mock_survey.library import Survey

from gasnet3.catalog.schema import ANOMALY_KINDS

STRONGEST = [(injection, injection.strengths[-1]) for injection in INJECTIONS]
NAMES = [injection.name for injection in INJECTIONS]
IN_SIGMA = [injection for injection in INJECTIONS if injection.unit == "σ"]


def _host(cls: str, z: float, seed: int) -> Host:
    """A continuum with a few lines of its class, and masked pixels."""
    rng = np.random.default_rng(seed)
    flux = 50.0 * (WAVE / 6000) ** rng.uniform(-1, 1)
    for rest, wide in ((1549.48, 2000.0), (2799.12, 2000.0), (4862.68, 300.0), (6564.61, 300.0)):
        flux += 20.0 * line(rest * (1 + z), wide)
    sigma = np.full(len(WAVE), 1.5)
    ivar = sigma**-2
    ivar[[0, 1, 700, 701, 702, 3000]] = 0.0
    flux = flux + sigma * rng.standard_normal(len(WAVE))
    return Host(np.where(ivar > 0, flux, 0.0), ivar, cls, z, f"{cls}-{seed}")


@pytest.fixture(scope="module")
def sample() -> list[Host]:
    many = [("STAR", 0.0001), ("GALAXY", 0.05), ("GALAXY", 0.2), ("QSO", 1.2), ("QSO", 2.3)]
    return [_host(cls, z, 10 * i + k) for i, (cls, z) in enumerate(many) for k in range(3)]


def test_every_kind_of_the_catalog_is_injected():
    assert {kind for injection in INJECTIONS for kind in injection.kinds} == {
        *ANOMALY_KINDS.values()
    }
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize(("injection", "strength"), STRONGEST, ids=NAMES)
def test_the_same_seed_gives_the_same_spectra_and_another_others(injection, strength, sample):
    first = inject(injection, strength, sample, 3, seed=1)
    again = inject(injection, strength, sample, 3, seed=1)
    other = inject(injection, strength, sample, 3, seed=2)
    assert len(first.strange) == 3
    np.testing.assert_array_equal(first.spectra.flux, again.spectra.flux)
    assert not np.array_equal(first.spectra.flux, other.spectra.flux)
    assert {host.cls for host in first.hosts} <= set(injection.classes)


@pytest.mark.parametrize(("injection", "strength"), STRONGEST, ids=NAMES)
def test_spectra_stay_finite_and_masked_pixels_masked(injection, strength, sample):
    for host, strange in zip(*_both(inject(injection, strength, sample, 4)), strict=True):
        assert np.isfinite(strange.flux).all()
        assert (strange.ivar >= 0).all()
        masked = ~host.good[::-1] if "exchanged" in injection.name else ~host.good
        assert (strange.ivar[masked] == 0).all()
        assert strange.sn > 0
        assert np.isfinite(strange.z_second) == injection.has_second


@pytest.mark.parametrize("injection", IN_SIGMA, ids=lambda injection: injection.name)
def test_strength_in_sigma_is_what_the_spectrum_holds(injection, sample):
    smooth = "line" in injection.name and "galaxy" not in injection.name
    for strength in injection.strengths:
        made = inject(injection, strength, sample, 3)
        for host, strange in zip(*_both(made), strict=True):
            assert strange.sn == pytest.approx(strength, rel=1e-6)
            if not smooth and "power law" not in injection.name:
                found = np.sqrt(((strange.flux - host.flux) ** 2 * host.ivar).sum())
                assert found == pytest.approx(strength, rel=1e-6)


LOCAL = [
    i for i in INJECTIONS
    if i.name in ("dead range", "sky-line residuals", "cosmic rays", "Mg II absorber",
                  "lines of a galaxy behind", "Balmer line with two broad peaks")
]  # fmt: skip


@pytest.mark.parametrize("injection", LOCAL, ids=lambda injection: injection.name)
def test_what_is_strange_lies_where_it_is_said_to_be(injection, sample):
    for host, strange in zip(*_both(inject(injection, injection.strengths[-1], sample, 4)),
                             strict=True):  # fmt: skip
        said = np.zeros(len(WAVE), bool)
        for low, high in strange.where:
            said |= (low - 2 < WAVE) & (high + 2 > WAVE)
        change = (strange.flux - host.flux) ** 2 * host.ivar
        assert change[said].sum() > 0.98 * change.sum()


def test_absorbed_light_is_never_negative(sample):
    injection = next(i for i in INJECTIONS if i.name == "Mg II absorber")
    for host, strange in zip(*_both(inject(injection, 20.0, sample, 6)), strict=True):
        lost = host.flux - strange.flux
        assert (lost >= 0).all()
        assert (lost <= np.maximum(host.continuum, 0) + 1e-9).all()


def test_where_no_host_will_do_there_are_no_spectra(sample):
    injection = next(i for i in INJECTIONS if i.name == "Mg II absorber")
    stars = [host for host in sample if host.cls == "STAR"]
    made = inject(injection, 20.0, stars, 5)
    assert made.strange == []
    assert len(made.spectra) == 0


def test_hosts_are_of_one_part_of_the_real_spectra(shared_dir):
    survey = Survey(shared_dir)
    ours, theirs = (hosts(survey, validation=v) for v in (True, False))
    assert len(ours) > 300
    assert not {host.id for host in ours} & {host.id for host in theirs}
    spectra, classes = ordinary(survey, validation=True)
    assert {host.id for host in ours} <= set(spectra.ids)
    assert len(classes) == len(spectra)


def _both(made):
    return made.hosts, made.strange
