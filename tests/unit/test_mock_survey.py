"""The training population: reproducible, labelled, and with its lines where the redshift says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gasnet3.spectra.lattice import WIDE

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

import population
from mock_survey.instrument import Instrument, at_redshift, brightness, telluric
from mock_survey.intergalactic import effective_depth, extended, forest, near_zone
from mock_survey.library import (
    K_MIN,
    PIXELS,
    WAVE,
    Z_RANGE,
    Survey,
    at_rest,
    class_of,
    in_validation,
)
from mock_survey.lines import broad_absorption, chromosphere, emission, nebula
from mock_survey.sources import Star, lengthened
from mock_survey.ultraviolet import with_ultraviolet
from pages import write_part


@pytest.fixture(scope="module")
def survey(shared_dir):
    return Survey(shared_dir)


@pytest.mark.parametrize("z", [0.0, 0.12345, 0.7])
def test_a_line_falls_where_its_redshift_says(z):
    rest = 1 + emission([(5008.24, 50.0, 100.0)])
    flux, covered = at_redshift(rest, z)
    assert covered.all()
    weight = flux - 1
    centre = (weight * np.arange(WIDE.n)).sum() / weight.sum()
    assert centre == pytest.approx(float(WIDE.index(5008.24 * (1 + z))), abs=0.1)


def test_emission_has_its_equivalent_width():
    line = emission([(6564.61, 30.0, 150.0)])
    assert (line * np.gradient(WAVE)).sum() == pytest.approx(30.0, rel=0.01)


@pytest.mark.parametrize(("cls", "z"), [("STAR", 0.001), ("GALAXY", 0.08), ("QSO", 2.0)])
def test_a_moved_copy_has_its_lines_where_its_new_redshift_says(cls, z, rng):
    wave = 5500.0 / (1 + z)
    flux, _ = at_redshift(1 + emission([(wave, 50.0, 100.0)]), z)
    ivar = np.ones(WIDE.n)
    for _ in range(5):
        there_flux, there_ivar, there = population._moved(rng, flux, ivar, z, cls)
        low, high = Z_RANGE[cls]
        assert low < there < high
        seen = there_ivar > 0
        assert (there_flux[~seen] == 0).all()
        weight = np.where(seen, there_flux - 1, 0.0)
        centre = (weight * np.arange(WIDE.n)).sum() / weight.sum()
        assert centre == pytest.approx(float(WIDE.index(wave * (1 + there))), abs=0.1)


def test_a_part_of_a_page_is_written_anew(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n")
    write_part(page, "x", ["new", ""])
    text = page.read_text()
    assert text == "before\n<!-- x: begin -->\nnew\n<!-- x: end -->\nafter\n"
    with pytest.raises(ValueError, match="has no part between <!-- y: begin -->"):
        write_part(page, "y", ["new"])


def test_a_spectrum_that_cannot_be_moved_stays(rng):
    flux, ivar = np.ones(WIDE.n), np.zeros(WIDE.n)
    ivar[:100] = 1.0  # too few pixels to lose any
    same, _, z = population._moved(rng, flux, ivar, 0.1, "GALAXY")
    assert z == 0.1
    assert same is flux


def test_outside_a_template_nothing_is_covered():
    rest = np.full(PIXELS, np.nan)
    rest[WIDE.k_min - K_MIN + 1000 :] = 1.0
    _, covered = at_redshift(rest, 0.0)
    assert not covered[:995].any()
    assert covered[1005:].all()


@pytest.mark.parametrize("make", [telluric, broad_absorption, lambda rng: forest(rng, 3.0)])
def test_transmissions_only_absorb(make, rng):
    for _ in range(5):
        t = make(rng)
        assert (t >= 0).all()
        assert (t <= 1 + 1e-9).all()
        assert t.min() < 0.95


@pytest.mark.parametrize("z", [2.6, 3.8])
def test_the_forest_absorbs_as_much_as_it_should(z, rng):
    between = (WAVE > 1060) & (WAVE < 1180)
    mean = np.mean([forest(rng, z)[between].mean() for _ in range(150)])
    expected = np.exp(-effective_depth(WAVE[between], 1215.67, z)).mean()
    assert mean == pytest.approx(expected, rel=0.12)


def test_a_quasar_is_dark_beyond_its_lyman_limits(rng):
    beyond = (WAVE > 600) & (WAVE < 750)
    assert np.median([forest(rng, 4.5)[beyond].mean() for _ in range(30)]) < 0.1


def test_the_continuum_goes_on_below_what_a_template_holds(rng):
    flux = np.where(WAVE > 1000, (WAVE / 1280) ** -1.5, np.nan)
    flux[WAVE < 1150] *= -3
    out = extended(rng, flux)
    assert (out[WAVE < 1180] > 0).all()
    np.testing.assert_array_equal(out[WAVE > 1220], flux[WAVE > 1220])
    step = np.diff(np.log(out[(WAVE > 1100) & (WAVE < 1215)]))
    assert np.abs(step).max() < 0.1


def test_nothing_is_seen_through_early_hydrogen_but_near_the_quasar(rng):
    between = (WAVE > 1120) & (WAVE < 1170)
    assert np.mean([forest(rng, 6.5)[between].mean() for _ in range(20)]) < 0.02
    share = near_zone(rng, WAVE[WAVE < 1215], 1215.67, 6.0)
    assert (np.diff(share) < 0).all()
    assert share[-1] < 0.1
    np.testing.assert_array_equal(near_zone(rng, WAVE, 1215.67, 3.0), np.ones(PIXELS))


def test_a_spectrum_that_is_dark_for_the_most_part_has_the_level_of_the_rest():
    flux = np.where(np.arange(1000) > 850, 7.0, 0.0)
    assert brightness(flux) == pytest.approx(2.1)
    assert brightness(np.full(1000, 7.0)) == 7.0


def test_a_galaxy_goes_on_below_what_its_library_holds(rng):
    slope = -1.3
    flux = np.where(WAVE > 2000, WAVE**slope, np.nan)
    out = with_ultraviolet(rng, flux, 1.5)
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(out[WAVE > 2010], flux[WAVE > 2010])
    near = (WAVE > 1730) & (WAVE < 1830)  # without strong lines
    assert np.median(out[near] / WAVE[near] ** slope) == pytest.approx(1.0, abs=0.15)
    # Fe II 1608 and Si II 1526 of its gas.
    for wave in (1526.7, 1608.4):
        line = np.abs(WAVE - wave) < 3
        assert out[line].min() < 0.9 * np.median(out[np.abs(WAVE - wave) < 20])


def test_a_far_galaxy_has_a_break_at_lyman_alpha(rng):
    flux = np.where(WAVE > 1500, WAVE**-1.5, np.nan)
    red, blue = (WAVE > 1260) & (WAVE < 1500), (WAVE > 930) & (WAVE < 1010)
    drop = [
        np.mean(out[blue]) / np.mean(out[red])
        for out in (with_ultraviolet(rng, flux, 5.5, 2000.0) for _ in range(10))
    ]
    assert np.median(drop) < 0.5


def test_a_star_goes_on_as_the_most_similar_one_does():
    seen = (WAVE > 4000) & (WAVE < 9000)
    donors = np.array([(WAVE / 6000) ** power for power in (-3.0, -1.0, 2.0)])
    star = np.where(seen, 5.0 * (WAVE / 6000) ** -1.05, np.nan)
    out = lengthened(star, donors)
    assert np.isfinite(out).all()
    window = (WAVE > 3500) & (WAVE < 10500)
    np.testing.assert_allclose(out[window], 5.0 * (WAVE[window] / 6000) ** -1.05, rtol=0.02)


def test_windows_of_surveys_are_where_they_say(survey, rng):
    instrument = Instrument(survey, 0.0)
    rest = np.ones(PIXELS)
    last = []
    for _ in range(60):
        _, ivar = instrument.observe(rng, rest, 0.3, 10.0)
        last.append(WIDE.wave[np.flatnonzero(ivar)[-1]])
    assert min(last) < 9300 < 9700 < max(last) < 10471


def test_far_spectra_of_the_two_parts_are_of_different_objects(survey):
    train, z = survey.far("DEEP", validation=False)
    valid, _ = survey.far("DEEP", validation=True)
    assert len(train) > 200
    assert len(valid) > 80
    assert not set(train.ids) & set(valid.ids)
    assert train.lattice == WIDE
    vandels = np.char.startswith(train.ids, "vandels")
    assert (z[vandels] > 2.5).all()
    seen = WIDE.wave[(train.ivar[vandels] > 0).mean(axis=0) > 0.5]
    assert seen[0] < 4900
    assert seen[-1] > 9900


def test_real_spectra_have_their_far_red(survey):
    rows = survey.wide_rows
    assert (survey.spectra[1][rows][:, WIDE.wave > 9300] > 0).any(axis=1).mean() > 0.95


def test_an_active_dwarf_has_its_lines_in_emission(rng):
    line = emission(chromosphere(rng))
    for wave in (6564.61, 4862.68, 3934.78):
        assert line[np.abs(WAVE - wave).argmin()] > 0.1


def test_a_close_pair_is_blue_and_red(survey, rng):
    star = Star(survey)
    dwarf = star.archetypes[2][0][0]
    for _ in range(5):
        flux = star._pair(rng)
        blue, red = (WAVE > 3900) & (WAVE < 4200), (WAVE > 8200) & (WAVE < 8500)
        pair, alone = (np.nanmedian(x[blue]) / np.nanmedian(x[red]) for x in (flux, dwarf))
        assert pair > 1.5 * alone


def test_nebular_lines_are_positive_but_for_magnesium(rng):
    assert all(width > 0 for wave, width, _ in nebula(rng, 20.0, 30.0) if wave != 2799.12)


@pytest.mark.parametrize("cls", ["STAR", "GALAXY", "QSO", "DEEP"])
def test_mocks_are_finite_labelled_and_the_same_for_a_seed(cls, survey):
    a = population.mocks(cls, 12, 5, survey)
    b = population.mocks(cls, 12, 5, survey)
    np.testing.assert_array_equal(a.flux, b.flux)
    assert np.isfinite(a.flux).all()
    assert (a.n_good >= 1000).all()
    assert set(a.classes) == {class_of(cls)}
    assert a.lattice == WIDE
    assert np.isfinite(a.z).all()


def test_training_and_validation_share_no_object(survey):
    train = {survey.rows[i]["group"] for i in survey.labelled(validation=False)}
    valid = {survey.rows[i]["group"] for i in survey.labelled(validation=True)}
    assert len(train) > 500
    assert len(valid) > 200
    assert not train & valid
    assert not (train | valid) & survey.kept_apart


def test_the_acceptance_files_are_kept_apart(survey):
    kept = {row["name"] for row in survey.rows if row["group"] in survey.kept_apart}
    assert {"spec-0266-51602-0013", "spSpec-51630-0266-227.fit"} <= kept
    assert len(kept) >= 39


def test_the_noise_of_the_mocks_has_no_sky_fibre_of_the_validation_part(survey):
    sky = survey.sky_rows()
    assert len(sky) > 50
    assert not any(in_validation(survey.rows[i]["group"]) for i in sky)


@pytest.mark.parametrize("pixels", [-0.18, 0.05, 0.5])
def test_at_rest_takes_out_the_shift_a_template_carries(pixels):
    x = np.arange(200.0)
    line = 1 - 0.5 * np.exp(-0.5 * ((x - 100 - pixels) / 3) ** 2)
    line[:10] = np.nan
    out = at_rest(line, pixels)
    assert np.isnan(out[:11]).all()
    depth = 1 - out[11:-1]
    assert (depth * x[11:-1]).sum() / depth.sum() == pytest.approx(100.0, abs=0.005)
