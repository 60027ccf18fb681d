"""Every bit of zwarn and notes: a case that sets it, and the ordinary row, that does not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gasnet3.decide.zwarn import misfit, warn
from gasnet3.flags import DESCRIPTION, MEANING, NOTES_DESCRIPTION, Notes, ZWarn, names
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
    """Names of the warnings, and of the notes."""
    zwarn, notes = warn(solved, np.array([before]), misfit(solved) > 1.0)
    return names(int(zwarn[0])), names(int(notes[0]), Notes)


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


def blind(solved):
    """Without a probability of the redshift."""
    return replace(solved, p_z=np.array([np.nan]))


PIXEL = np.arange(N)
CASES = [
    (ZWarn.LITTLE_COVERAGE, lambda s: masked(s, PIXEL < 1700)),
    (ZWarn.SMALL_DELTA_CHI2, lambda s: replace(blind(s), delta_chi2=np.array([3.0]))),
    (Notes.SMALL_DELTA_CHI2, lambda s: replace(s, delta_chi2=np.array([3.0]))),
    (Notes.NEGATIVE_MODEL, lambda s: seen(s, total=s.residual.total - 8.0)),
    (Notes.MANY_OUTLIERS, with_outliers),
    (ZWarn.Z_FITLIMIT, lambda s: replace(s, edge=np.array([True]))),
    (Notes.NEGATIVE_EMISSION, with_absorbed_line),
    (ZWarn.NODATA, lambda s: replace(masked(s, PIXEL < 0), z=np.array([np.nan]))),
    (ZWarn.BAD_MINFIT, lambda s: replace(s, bad=np.array([True]))),
    (ZWarn.POORDATA, lambda s: masked(s, PIXEL % 3 == 0)),
    (Notes.CLASS_AMBIGUOUS, lambda s: replace(s, probability=np.array([0.6]))),
    (ZWarn.Z_UNCERTAIN, lambda s: replace(s, p_z=np.array([0.8]))),
    (Notes.OUT_OF_DOMAIN, lambda s: replace(s, domain=np.array([1.5]))),
    (Notes.SPARSE_TRAINING, lambda s: replace(s, z=np.array([2.5]))),
    (Notes.ANOMALY, lambda s: replace(s, rchi2_classes=np.array([[9.0, 9.0, 8.0]]))),
]
FROM_READER = (ZWarn.SKY, ZWarn.UNPLUGGED, ZWarn.BAD_TARGET)
SHARED = {"SMALL_DELTA_CHI2"}


def test_an_ordinary_row_is_clean(ordinary):
    assert bits(ordinary) == ([], [])


@pytest.mark.parametrize(("flag", "case"), CASES, ids=[repr(flag) for flag, _ in CASES])
def test_each_bit_is_set(flag, case, ordinary):
    warnings, notes = bits(case(ordinary))
    assert flag.name in (notes if isinstance(flag, Notes) else warnings)


@pytest.mark.parametrize(("flag", "case"), CASES, ids=[repr(flag) for flag, _ in CASES])
def test_what_is_unusual_is_no_warning(flag, case, ordinary):
    warnings, notes = bits(case(ordinary))
    assert not set(warnings) & set(notes)
    if isinstance(flag, Notes):
        assert warnings == []


@given(p_z=st.one_of(st.floats(0.9, 1.0), st.just(np.nan)), case=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_zwarn_depends_on_no_note(p_z, case, ordinary):
    """However many notes a row has, its redshift is as good as it was."""
    chosen = case.draw(st.lists(st.sampled_from([c for c in CASES if isinstance(c[0], Notes)])))
    row = replace(ordinary, p_z=np.array([p_z]))
    for flag, make in chosen:
        if flag is not Notes.SMALL_DELTA_CHI2 or np.isfinite(p_z):
            row = make(row)
    warnings, notes = bits(row)
    assert warnings == []
    assert set(warnings) <= {flag.name for flag in ZWarn}
    assert set(notes) <= {flag.name for flag in Notes}


@pytest.mark.parametrize("flag", FROM_READER, ids=lambda flag: flag.name)
def test_bits_of_the_reader_ride_along(flag, ordinary):
    assert bits(ordinary, int(flag)) == ([flag.name], [])


def test_every_bit_is_tested_and_described():
    tested = {repr(flag) for flag, _ in CASES} | {repr(flag) for flag in FROM_READER}
    assert tested == {repr(flag) for flag in (*ZWarn, *Notes)}
    assert set(DESCRIPTION) == set(ZWarn)
    assert set(NOTES_DESCRIPTION) == set(Notes)
    assert set(MEANING) == {flag.name for flag in (*ZWarn, *Notes)}
    assert all(DESCRIPTION[ZWarn[n]] == NOTES_DESCRIPTION[Notes[n]] for n in SHARED)


def test_bit_numbers_are_those_of_sdss_and_redrock():
    numbers = {flag.name: flag.bit_length() - 1 for flag in ZWarn}
    assert [*numbers.values()] == [0, 1, 2, 5, 7, 8, 9, 10, 11, 28]
    # What left is not given out again: 3, 4 and 6 are SDSS's, 24 to 27 were ours.
    assert not {3, 4, 6, 24, 25, 26, 27} & {*numbers.values()}


def test_notes_are_numbered_from_0():
    assert [flag.bit_length() - 1 for flag in Notes] == [*range(8)]


def test_one_name_is_shared_and_set_in_one_column_only(ordinary):
    close = replace(ordinary, delta_chi2=np.array([3.0]))
    assert bits(close) == ([], ["SMALL_DELTA_CHI2"])
    assert bits(blind(close)) == (["SMALL_DELTA_CHI2"], [])
    assert {flag.name for flag in ZWarn} & {flag.name for flag in Notes} == SHARED


def test_bits_of_others_have_a_number_for_a_name():
    assert names(1 | 1 << 4) == ["SKY", "BIT_4"]
    assert names(0) == []


def test_negative_emission_is_asked_of_quasars_only(ordinary):
    galaxy = replace(with_absorbed_line(ordinary), cls=np.array(["GALAXY"]))
    assert "NEGATIVE_EMISSION" not in bits(galaxy)[1]


@pytest.mark.parametrize(("sn", "poor"), [(0.2, True), (0.6, False), (np.nan, False)])
def test_pure_sky_is_poor_data_where_nothing_tells_how_sure_z_is(sn, poor, ordinary):
    faint = replace(blind(ordinary), sn_median=np.array([sn]))
    assert ("POORDATA" in bits(faint)[0]) == poor


def test_a_faint_spectrum_with_a_sure_redshift_is_clean(ordinary):
    assert bits(replace(ordinary, sn_median=np.array([0.2]))) == ([], [])


def test_no_other_minimum_is_no_small_difference(ordinary):
    assert bits(replace(ordinary, delta_chi2=np.array([np.nan]))) == ([], [])


def test_misfit_grows_with_chi2_and_forgives_high_sn(ordinary):
    assert misfit(replace(ordinary, rchi2_classes=np.array([[6.0]])))[0] < 2.0
    bright = replace(ordinary, rchi2_classes=np.array([[6.0]]), sn_median=np.array([80.0]))
    assert misfit(bright)[0] < 1.0
