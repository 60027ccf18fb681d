"""Every ZWARN bit: a case that sets it, and one, the ordinary row, that does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gasnet3.decide.zwarn import misfit, warn
from gasnet3.flags import DESCRIPTION, ZWarn, names
from gasnet3.solve.residual import Residual
from gasnet3.solve.solution import Solution
from gasnet3.spectra.lattice import OBSERVED

N = OBSERVED.n
POPULATION = {"z_edges": [0.0, 1.0, 2.0, 3.0], "z_count": [5000, 5000, 1]}


@pytest.fixture
def ordinary(rng):
    """One flawless QSO row."""
    model = torch.zeros(1, N, dtype=torch.float64)
    ivar = torch.full((1, N), 25.0)
    flux = model + torch.from_numpy(rng.standard_normal((1, N)) / 5.0)
    return Solution(
        residual=Residual(flux, ivar, model, model + 4.0),
        good=ivar.numpy() > 0,
        cls=np.array(["QSO"]),
        z=np.array([0.5]),
        rchi2=np.array([1.0]),
        delta_chi2=np.array([500.0]),
        next_cls=np.array(["GALAXY"]),
        next_z=np.array([0.1]),
        coeff=np.full((1, 3), np.nan),
        covariance=np.full((1, 3, 3), np.nan),
        probability=np.array([0.999]),
        p_z=np.array([0.999]),
        sn_median=np.array([20.0]),
        edge=np.array([False]),
        bad=np.array([False]),
        domain=np.array([0.2]),
        rchi2_classes=np.array([[3.0, 2.0, 1.0]]),
        lattice=OBSERVED,
        populations={"QSO": POPULATION},
    )


def bits(solved, before=0):
    return names(int(warn(solved, np.array([before]), misfit(solved) > 1.0)[0]))


def seen(solved, **pixels):
    """The same with other pixels."""
    return replace(solved, residual=replace(solved.residual, **pixels))


def masked(solved, keep):
    fit = solved.residual
    ivar = fit.ivar * torch.from_numpy(keep)
    good = ivar.numpy() > 0
    return replace(seen(solved, ivar=ivar, flux=fit.flux * (ivar > 0)), good=good)


def with_absorbed_line(solved):
    """A hole where Hβ should stand out."""
    x = np.log(OBSERVED.wave / (4862.68 * 1.5)) * 299792.458 / 2000.0
    flux = solved.residual.flux - 3.0 * torch.from_numpy(np.exp(-0.5 * x**2))
    return seen(solved, flux=flux)


def with_outliers(solved):
    flux = solved.residual.flux.clone()
    flux[:, ::15] += 10.0
    return seen(solved, flux=flux)


PIXEL = np.arange(N)
CASES = {
    ZWarn.LITTLE_COVERAGE: lambda s: masked(s, PIXEL < 1700),
    ZWarn.SMALL_DELTA_CHI2: lambda s: replace(s, delta_chi2=np.array([3.0])),
    ZWarn.NEGATIVE_MODEL: lambda s: seen(s, total=s.residual.total - 8.0),
    ZWarn.MANY_OUTLIERS: with_outliers,
    ZWarn.Z_FITLIMIT: lambda s: replace(s, edge=np.array([True])),
    ZWarn.NEGATIVE_EMISSION: with_absorbed_line,
    ZWarn.NODATA: lambda s: replace(masked(s, PIXEL < 0), z=np.array([np.nan])),
    ZWarn.BAD_MINFIT: lambda s: replace(s, bad=np.array([True])),
    ZWarn.POORDATA: lambda s: masked(s, PIXEL % 3 == 0),
    ZWarn.CLASS_AMBIGUOUS: lambda s: replace(s, probability=np.array([0.6])),
    ZWarn.Z_UNCERTAIN: lambda s: replace(s, p_z=np.array([0.8])),
    ZWarn.OUT_OF_DOMAIN: lambda s: replace(s, domain=np.array([1.5])),
    ZWarn.SPARSE_TRAINING: lambda s: replace(s, z=np.array([2.5])),
    ZWarn.ANOMALY: lambda s: replace(s, rchi2_classes=np.array([[9.0, 9.0, 8.0]])),
}
FROM_READER = (ZWarn.SKY, ZWarn.UNPLUGGED, ZWarn.BAD_TARGET)


def test_an_ordinary_row_is_clean(ordinary):
    assert bits(ordinary) == []


@pytest.mark.parametrize("flag", CASES, ids=lambda flag: flag.name)
def test_each_bit_is_set(flag, ordinary):
    assert flag.name in bits(CASES[flag](ordinary))


@pytest.mark.parametrize("flag", FROM_READER, ids=lambda flag: flag.name)
def test_bits_of_the_reader_ride_along(flag, ordinary):
    assert bits(ordinary, int(flag)) == [flag.name]


def test_every_bit_is_tested_and_described():
    assert set(CASES) | set(FROM_READER) == set(ZWarn) == set(DESCRIPTION)


def test_bit_numbers_are_those_of_sdss_and_redrock():
    assert [flag.value.bit_length() - 1 for flag in ZWarn] == [*range(12), *range(24, 29)]


def test_negative_emission_is_asked_of_quasars_only(ordinary):
    galaxy = replace(with_absorbed_line(ordinary), cls=np.array(["GALAXY"]))
    assert "NEGATIVE_EMISSION" not in bits(galaxy)


@pytest.mark.parametrize(("sn", "poor"), [(0.2, True), (0.6, False), (np.nan, False)])
def test_pure_sky_is_poor_data_where_nothing_tells_how_sure_z_is(sn, poor, ordinary):
    blind = replace(ordinary, sn_median=np.array([sn]), p_z=np.array([np.nan]))
    assert ("POORDATA" in bits(blind)) == poor


def test_a_faint_spectrum_with_a_sure_redshift_is_clean(ordinary):
    assert bits(replace(ordinary, sn_median=np.array([0.2]))) == []


def test_no_other_minimum_is_no_small_difference(ordinary):
    assert bits(replace(ordinary, delta_chi2=np.array([np.nan]))) == []


def test_misfit_grows_with_chi2_and_forgives_high_sn(ordinary):
    assert misfit(replace(ordinary, rchi2_classes=np.array([[6.0]])))[0] < 2.0
    bright = replace(ordinary, rchi2_classes=np.array([[6.0]]), sn_median=np.array([80.0]))
    assert misfit(bright)[0] < 1.0
