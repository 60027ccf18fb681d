"""Resolution of spectra: what states it, and what the models become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from gasnet3.io import ReadOptions, find_reader, read_file
from gasnet3.io.generic.fits_keys import said_resolution
from gasnet3.io.stores.shards import write_shard
from gasnet3.pipeline.levels import batches, by_level
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.broaden import BroadenedModel, smooth
from gasnet3.spectra.batch import NATIVE_PIXEL, RESOLUTION, Spectra
from gasnet3.spectra.lattice import OBSERVED
from gasnet3.spectra.resolution import (
    FIRST,
    levels,
    parse_resolution,
    power_of_sigma,
    sigma_of_level,
    sigma_of_power,
    sigma_said,
    typical,
)
from toy import toy_engine, toy_model, toy_spectra


def test_powers_are_sigmas_in_pixels():
    assert float(sigma_of_power(600.0)) == pytest.approx(3.074, abs=1e-3)
    assert power_of_sigma(float(sigma_of_power(1800.0))) == pytest.approx(1800.0)
    assert np.isnan(sigma_of_power([0.0, -1.0, np.nan, 1e7])).all()


@pytest.mark.parametrize(
    ("text", "meant"),
    [("R=600", ("R", 600.0)), ("r = 1e3", ("R", 1000.0)), ("fwhm=5A", ("fwhm", 5.0)),
     ("FWHM=5", ("fwhm", 5.0)), ("fwhm=0.5nm", ("fwhm", 5.0)), ("fwhm=5Å", ("fwhm", 5.0))],
)  # fmt: skip
def test_what_is_said_is_understood(text, meant):
    assert parse_resolution(text) == meant


@pytest.mark.parametrize("text", ["600", "R=5", "R=600A", "fwhm=0", "fwhm=5um", "R=1.2.3", ""])
def test_what_is_not_understood_is_refused(text):
    with pytest.raises(ValueError, match="give R=600"):
        parse_resolution(text)


def test_a_width_is_taken_where_a_spectrum_has_pixels():
    good = np.zeros((2, OBSERVED.n), bool)
    good[0, :500] = good[1, -500:] = True
    sigma = sigma_said("fwhm=5A", OBSERVED.wave, good)
    middle = np.median(OBSERVED.wave[:500]), np.median(OBSERVED.wave[-500:])
    np.testing.assert_allclose(power_of_sigma(sigma), np.array(middle) / 5.0, rtol=1e-3)


def test_typical_is_the_median_of_good_pixels():
    sigma = np.array([1.0, 2.0, 3.0, 0.0, np.nan])
    good = np.array([[True] * 5, [False, True, False, True, True], [False] * 5])
    np.testing.assert_array_equal(typical(sigma, good), [2.0, 2.0, np.nan])


def test_levels_begin_where_it_matters():
    given = [np.nan, 0.0, 0.4, 0.9, 1.1, 1.3, 1.35, 3.0, 1e9]
    assert levels(np.array(given)).tolist() == [0, 0, 0, 0, 0, 0, FIRST, 6, 20]
    assert sigma_of_level(6) == pytest.approx(2.986, abs=1e-3)


def test_smoothing_is_a_gaussian_and_keeps_what_is_even():
    flux = np.zeros((2, 201), np.float32)
    flux[0, 100], flux[1] = 1.0, 7.0
    found = smooth(flux, 3.0)
    assert found.dtype == np.float32
    offset = np.arange(201) - 100
    assert (found[0] * offset**2).sum() == pytest.approx(9.0, rel=0.01)
    np.testing.assert_allclose(found[1], 7.0, rtol=1e-6)


def test_an_engine_is_broadened_only_where_spectra_are_broader():
    engine = toy_engine("GALAXY")
    assert engine.broadened(0.5) is engine
    broad = engine.broadened(3.0)
    assert isinstance(broad.model, BroadenedModel)
    assert broad.card is engine.card
    expected = smooth(engine.eigenspectra, float(np.sqrt(9.0 - engine.card.sigma**2)))
    np.testing.assert_array_equal(broad.eigenspectra, expected)


def _mixed(sigma: list[float]) -> Spectra:
    model = toy_model("GALAXY")
    some = toy_spectra(model, np.linspace(0.01, 0.09, len(sigma)), sn=20.0)
    return replace(some, meta={RESOLUTION: np.array(sigma), "n": np.arange(len(sigma))})


def test_batches_are_of_one_level_and_in_order():
    spectra = _mixed([np.nan, 0.9, 3.0, 3.05, 0.8, 0.8, 0.8])
    parts = batches(spectra, 2)
    assert [part.meta["n"].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5], [6]]
    assert by_level(spectra).tolist() == [0, 1, 4, 5, 6, 2, 3]
    assert by_level(spectra[:4]) is None


@pytest.mark.parametrize("solver", ["hybrid", "amortised"])
def test_answers_do_not_depend_on_the_others_resolution(models, solver):
    spectra = _mixed([np.nan, 3.0, 0.9, 3.0, 5.0, np.nan])
    pipeline = Pipeline.load(str(models), solver)
    seen: list[str] = []
    whole = pipeline.run(spectra, n_best=2)
    kept = pipeline.run(spectra, n_best=2, keep=lambda o: seen.extend(o.spectra.ids.tolist()))
    assert seen == spectra.ids.tolist()
    plain = pipeline.run(replace(spectra, meta={}), n_best=2)
    for name in ("id", "class", "z", "chi2", "rchi2", "coeff"):
        np.testing.assert_array_equal(whole[name], kept[name], err_msg=name)
        for row in range(6):
            alone = pipeline.run(spectra[row : row + 1], n_best=2)
            np.testing.assert_array_equal(whole[name][2 * row : 2 * row + 2], alone[name])
        for row in (0, 2, 5):  # not broader: as if nothing were stated
            np.testing.assert_array_equal(
                whole[name][2 * row : 2 * row + 2], plain[name][2 * row : 2 * row + 2]
            )
    assert whole["chi2"][2] != plain["chi2"][2]


def test_a_mixed_batch_is_not_solved_as_one(models):
    with pytest.raises(ValueError, match="differ in resolution"):
        Pipeline.load(str(models)).solve(_mixed([0.9, 3.0]), 2)


def test_models_as_broad_as_spectra_fit_them_better(models):
    sigma = 4.0
    engine = toy_engine("GALAXY").broadened(sigma_of_level(int(levels(np.array([sigma]))[0])))
    spectra = toy_spectra(engine.model, np.linspace(0.02, 0.08, 8), sn=60.0)
    pipeline = Pipeline.load(str(models))
    stated = pipeline.run(replace(spectra, meta={RESOLUTION: np.full(8, sigma)}))
    silent = pipeline.run(spectra)
    assert np.median(stated["rchi2"]) == pytest.approx(1.0, abs=0.05)
    assert (stated["rchi2"] < silent["rchi2"]).all()


def test_coarse_pixels_widen_what_is_stated():
    some = _mixed([3.0, np.nan])
    some = replace(some, meta={**some.meta, NATIVE_PIXEL: np.array([6.0, 6.0])})
    np.testing.assert_allclose(some.resolution, [np.sqrt(9.0 + 3.0), np.nan])
    assert some.n_independent.tolist() == np.rint(some.n_good / 6.0).tolist()


def _file(path: Path, **cards: tuple[float, str]) -> Path:
    wave = np.arange(4000.0, 8000.0, 2.0)
    columns = [
        fits.Column("wave", "D", "Angstrom", array=wave),
        fits.Column("flux", "D", array=np.ones(len(wave))),
        fits.Column("ivar", "D", array=np.ones(len(wave))),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    table.header.update(cards)
    table.writeto(path)
    return path


def _header(cards: dict[str, tuple[float, str]]) -> fits.Header:
    header = fits.Header()
    header.update(cards)
    return header


@pytest.mark.parametrize(
    ("cards", "meant"),
    [({"SPEC_RP": (600, "")}, "R=600"), ({"SPEC_RES": (13.0, "")}, "fwhm=13.000000000000A"),
     ({"R": (18.2, "magnitude")}, None), ({"R": (250.0, "radius")}, None),
     ({"R": (250.0, "spectral resolution")}, "R=250"), ({"FWHM": (0.9, "seeing")}, None),
     ({"FWHM": (9.0, "[Angstrom]")}, "fwhm=9.000000000000A"), ({}, None)],
)  # fmt: skip
def test_headers_are_understood(cards, meant):
    assert said_resolution(_header(cards)) == meant


def test_a_file_states_it_and_a_user_overrules(tmp_path):
    path = _file(tmp_path / "x.fits", SPEC_RP=(600, ""))
    assert read_file(path).meta[RESOLUTION][0] == pytest.approx(3.074, abs=1e-3)
    assert ("resolution", "header: R=600") in find_reader(path).explain(path).used
    said = read_file(path, ReadOptions(resolution="R=300"))
    assert said.meta[RESOLUTION][0] == pytest.approx(6.148, abs=1e-3)
    assert RESOLUTION not in read_file(_file(tmp_path / "y.fits")).meta


def test_shards_keep_it(tmp_path):
    spectra = read_file(_file(tmp_path / "x.fits", SPEC_RP=(600, "")))
    write_shard(tmp_path / "s.arrow", spectra)
    again = read_file(tmp_path / "s.arrow")
    np.testing.assert_array_equal(again.resolution, spectra.resolution)
    np.testing.assert_array_equal(again.n_independent, spectra.n_independent)
    assert ReadOptions.from_json(ReadOptions(resolution="R=9e2").to_json()).resolution == "R=9e2"
