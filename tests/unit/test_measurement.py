"""Dispersions and lines of spectra whose truth is known, made of the templates themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gasnet3
from gasnet3.flags import MeasureWarn
from gasnet3.measurement.kinds import bpt, subclasses
from gasnet3.measurement.narrow import LAYOUT, SLOT
from gasnet3.measurement.table import load_measurer
from gasnet3.measurement.templates import GRID, PIXEL_KM_S
from gasnet3.spectra.atlas import NARROW
from gasnet3.spectra.lattice import STEP, WIDE, z_from_shift

SHIFT = 500
Z = float(z_from_shift(SHIFT))
LINES = {"hbeta": 24.0, "oiii_5008": 30.0, "halpha": 80.0, "nii_6585": 32.0, "sii_6718": 16.0}


@pytest.fixture(scope="module")
def measurer():
    return load_measurer()


def starlight(measurer, sigma):
    """Light of a mix of stars with a dispersion, at Z, over the observed lattice."""
    templates = measurer.templates
    width = int(np.argmin(np.abs(GRID - sigma)))
    assert GRID[width] == sigma
    start = WIDE.k_min - SHIFT - templates.lattice.k_min
    at = np.clip(start + np.arange(WIDE.n), 0, templates.lattice.n - 1)
    mix = templates.at(width, 0)[:3].sum(axis=0)
    return 10.0 + mix[at] / templates.flux[:3].sum(axis=0).std()


def with_lines(flux, v=40.0, sigma=120.0, spread=0.9, strength=LINES):
    place = WIDE.k_min + np.arange(WIDE.n) - SHIFT
    out = flux.copy()
    for line in NARROW:
        for wave, ratio in zip(line.waves, line.ratios, strict=True):
            total = np.hypot(sigma / PIXEL_KM_S, spread)
            u = (place - np.log10(wave) / STEP - v / PIXEL_KM_S) / total
            pixel = wave * (1 + Z) * STEP * np.log(10)
            one = np.exp(-0.5 * u**2) / (np.sqrt(2 * np.pi) * total * pixel)
            out += ratio * strength.get(line.key, 0.0) * one
    return out


def noisy(flux, sn, rows, seed=1):
    noise = np.median(flux) / sn
    drawn = np.random.default_rng(seed).standard_normal((rows, len(flux)))
    return flux + noise * drawn, np.full((rows, len(flux)), noise**-2.0)


def measure(flux, ivar, **options):
    return gasnet3.measure(flux, ivar, loglam=WIDE.loglam, **{"z": Z, **options})


@pytest.mark.parametrize("sigma", [50.0, 100.0, 200.0, 400.0])
def test_a_known_dispersion_comes_back_with_its_error(measurer, sigma):
    table = measure(*noisy(starlight(measurer, sigma), 25.0, 12), only="vdisp")
    assert "halpha_flux" not in table.colnames
    pull = (table["vdisp"] - sigma) / table["vdisp_err"]
    assert np.abs(np.mean(pull)) < 1.2
    assert 0.3 < np.std(pull) < 2.0
    assert np.mean(table["vdisp"]) == pytest.approx(sigma, rel=0.06, abs=8.0)


def test_injected_lines_come_back_with_their_errors(measurer):
    flux = with_lines(starlight(measurer, 150.0))
    table = measure(*noisy(flux, 15.0, 16), only="lines")
    for key, truth in LINES.items():
        pull = (table[f"{key}_flux"] - truth) / table[f"{key}_flux_err"]
        assert np.abs(np.mean(pull)) < 1.0, key
        assert 0.4 < np.std(pull) < 1.9, key
    pull = (table["heii_4687_flux"]) / table["heii_4687_flux_err"]
    assert np.abs(np.mean(pull)) < 1.0  # a line that is not there is about 0
    assert np.nanmean(table["gas_v"]) == pytest.approx(40.0, abs=10.0)
    assert np.nanmean(table["sigma_permitted"]) == pytest.approx(120.0, abs=12.0)
    assert np.nanmean(table["sigma_forbidden"]) == pytest.approx(120.0, abs=20.0)
    assert not (table["sigma_forbidden"] <= 0).any()
    assert "STARFORMING" in table["bpt"]
    below = starlight(measurer, 150.0)[round(np.log10(6564.61) / STEP) + SHIFT - WIDE.k_min]
    assert np.mean(table["halpha_ew"]) == pytest.approx(80.0 / (below * (1 + Z)), rel=0.2)


def test_a_stated_resolution_is_taken_off(measurer):
    flux = starlight(measurer, 250.0)
    sharp = measure(*noisy(flux, 30.0, 4), only="vdisp")
    # The same pixels, if the spectrograph did a part of it.
    sigma = 2.0  # pixels
    power = 1.0 / (sigma * np.sqrt(8 * np.log(2)) * STEP * np.log(10))
    coarse = measure(*noisy(flux, 30.0, 4), only="vdisp", resolution=power)
    apart = sharp["vdisp"] ** 2 - coarse["vdisp"] ** 2
    np.testing.assert_allclose(apart, (sigma**2 - 0.9**2) * PIXEL_KM_S**2, rtol=1e-6)


def test_no_answer_depends_on_company_order_or_unit(measurer):
    flux, ivar = noisy(with_lines(starlight(measurer, 150.0)), 20.0, 5)
    z = np.array([Z, Z + 1e-4, np.nan, Z, 0.3])
    whole = measure(flux, ivar, z=z)
    order = np.array([4, 2, 0, 3, 1])
    other = measure(flux[order], ivar[order], z=z[order])
    alone = measure(flux[1], ivar[1], z=z[1])
    for name in whole.colnames[1:]:
        np.testing.assert_array_equal(np.asarray(whole[name])[order], np.asarray(other[name]))
        np.testing.assert_array_equal(np.asarray(whole[name])[1:2], np.asarray(alone[name]))
    scaled = measure(flux * 1e-17, ivar * 1e34, z=z)
    np.testing.assert_allclose(scaled["vdisp"], whole["vdisp"], rtol=1e-6)
    np.testing.assert_allclose(scaled["halpha_flux"], whole["halpha_flux"] * 1e-17, rtol=1e-4)


def bits(table):
    return [MeasureWarn(int(one)) for one in table["measure_warn"]]


def test_what_cannot_be_told_is_nan_and_says_why(measurer):
    flux, ivar = noisy(starlight(measurer, 150.0), 20.0, 4)
    ivar[2] = 0.0
    ivar[3] /= 100.0
    table = measure(flux, ivar, z=[np.nan, Z, Z, Z], classes=["GALAXY", "STAR", "GALAXY", "GALAXY"])
    found = bits(table)
    assert found[0] == MeasureWarn.NO_REDSHIFT
    assert found[1] == MeasureWarn.STAR
    assert found[2] == MeasureWarn.VDISP_NOT_COVERED | MeasureWarn.LINES_NOT_COVERED
    assert MeasureWarn.VDISP_LOW_SN in found[3]
    assert np.isnan(table["vdisp"]).all()
    assert np.isnan(table["halpha_flux"][:3]).all()


def test_stars_without_dispersion_are_unresolved(measurer):
    table = measure(*noisy(starlight(measurer, 0.0), 30.0, 4), only="vdisp")
    unresolved = [MeasureWarn.VDISP_UNRESOLVED in one for one in bits(table)]
    np.testing.assert_array_equal(np.isnan(table["vdisp"]), unresolved)
    assert any(unresolved)
    assert not (table["vdisp"] < 0).any()


def test_without_lines_fluxes_are_limits_and_widths_unknown(measurer):
    table = measure(*noisy(starlight(measurer, 150.0), 20.0, 3), only="lines")
    assert all(MeasureWarn.NO_LINES in one for one in bits(table))
    assert np.isfinite(table["halpha_flux_err"]).all()
    assert np.isnan(table["gas_v"]).all()
    assert np.isnan(table["sigma_forbidden"]).all()
    assert (table["bpt"] == "").all()


def test_bright_lines_whose_pixels_weigh_little_are_measured(measurer):
    flux = with_lines(starlight(measurer, 150.0), strength={"halpha": 3000.0, "hbeta": 900.0})
    noise = 0.3 + 0.03 * flux
    noisy_ = flux + noise * np.random.default_rng(2).standard_normal(flux.shape)
    table = measure(noisy_, noise**-2.0, only="lines")
    assert table["halpha_flux"][0] == pytest.approx(3000.0, rel=0.15)
    assert table["halpha_flux"][0] > 10 * table["halpha_flux_err"][0]


def test_a_broad_line_is_found_beside_the_narrow_ones(measurer):
    flux = with_lines(starlight(measurer, 150.0))
    broad = dict.fromkeys(["halpha"], 600.0)
    flux = with_lines(flux, v=-100.0, sigma=1800.0, strength=broad)
    table = measure(*noisy(flux, 20.0, 4), only="lines")
    assert np.mean(table["halpha_broad_flux"]) == pytest.approx(600.0, rel=0.1)
    assert np.mean(table["halpha_broad_sigma"]) == pytest.approx(1800.0, rel=0.1)
    assert all("BROADLINE" in one for one in table["subclass"])
    assert np.mean(table["oiii_5008_flux"]) == pytest.approx(LINES["oiii_5008"], rel=0.2)
    assert np.isnan(table["mgii_broad_flux"]).all()


def test_curves_of_the_diagram():
    x = np.array([-0.8, -0.2, 0.2, 0.2, np.nan])
    y = np.array([-0.2, 0.1, 0.9, 0.1, 0.0])
    assert bpt(x, y).tolist() == ["STARFORMING", "COMPOSITE", "SEYFERT", "LINER", ""]
    wide = np.array([10.0, 60.0, 10.0, 10.0, 10.0])
    broad = np.array([False, False, True, False, True])
    kinds = subclasses(np.array([-0.8, -0.8, 0.2, 0.2, np.nan]), y, wide, broad).tolist()
    assert kinds == ["STARFORMING", "STARBURST", "AGN BROADLINE", "AGN", "BROADLINE"]


def test_every_line_lies_in_its_block():
    for line in NARROW:
        b, _ = SLOT[line.key]
        first = LAYOUT.first[b]
        for wave in line.waves:
            assert first + 40 < np.log10(wave) / STEP < first + LAYOUT.n - 40


def test_wrong_usage_is_said():
    flux = np.ones((2, WIDE.n))
    with pytest.raises(ValueError, match="only one of vdisp, lines"):
        measure(flux, flux, only="sfr")
    with pytest.raises(ValueError, match=r"z has shape \(3,\), expected \(2,\)"):
        measure(flux, flux, z=[0.1, 0.2, 0.3])
    with pytest.raises(gasnet3.GasnetError, match="no STAR network with eigenspectra"):
        measure(flux, flux, models="unet")


def test_templates_are_as_sharp_as_they_can_be_made(measurer):
    sharp = replace(measurer.templates, own_width=0.0).at(0, 0)
    np.testing.assert_allclose(sharp, measurer.templates.flux, atol=1e-9)
