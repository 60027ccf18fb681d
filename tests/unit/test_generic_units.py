"""Units as people write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.io.units import (
    flux_factor,
    is_counts,
    is_flux_density,
    is_spectral,
    parse_unit,
    wavelengths,
)

SDSS = (
    "1E-17 erg/cm^2/s/Ang",
    "10^-17 ergs/s/cm2/A",
    "10**-17 erg/s/cm**2/Angstrom",
    "1e-17 erg / (s cm2 Angstrom)",
    "10-17 erg s-1 cm-2 A-1",
    "10^(-17) erg s^-1 cm^-2 A^-1",
    "10-17 ergs/(s.cm2.A)",
    "1.0E-17 erg cm-2 s-1 Å-1",
)


@pytest.mark.parametrize("text", SDSS)
def test_the_unit_of_sdss_in_many_spellings(text: str) -> None:
    factor, assumed = flux_factor(text, np.array([5000.0]))
    assert factor == pytest.approx(1.0)
    assert assumed == ""
    assert is_flux_density(text)
    assert not is_spectral(text)


@pytest.mark.parametrize(
    ("text", "angstrom"),
    [
        *[("Angstroms", 1.0), ("A", 1.0), ("AA", 1.0), ("Å", 1.0), ("0.1nm", 1.0)],
        *[("nm", 10.0), ("micron", 1e4), ("um", 1e4), ("µm", 1e4), ("m", 1e10)],
    ],
)
def test_lengths(text: str, angstrom: float) -> None:
    wave, assumed = wavelengths(np.array([3.0, 4.0]), text)
    np.testing.assert_allclose(wave, [3 * angstrom, 4 * angstrom])
    assert assumed == ""
    assert is_spectral(text)


def test_frequencies_energies_and_wavenumbers() -> None:
    hertz, _ = wavelengths(np.array([5.99584916e14]), "Hz")
    inverse, _ = wavelengths(np.array([20000.0]), "cm-1")
    electronvolt, _ = wavelengths(np.array([2.4796839]), "eV")
    np.testing.assert_allclose([hertz[0], inverse[0], electronvolt[0]], 5000.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ((3800.0, 9200.0), "Å"),
        ((380.0, 920.0), "nm"),
        ((0.38, 0.92), "µm"),
        ((3.58, 3.96), "log10 of Å"),
        ((8.2, 9.1), "ln of Å"),
    ],
)
def test_without_a_unit_the_range_tells_and_it_is_said(
    numbers: tuple[float, float], word: str
) -> None:
    wave, assumed = wavelengths(np.array(numbers), "")
    assert assumed.endswith(f"taken as {word}")
    assert 3500 < wave[0] < 4000
    assert 8900 < wave[1] < 9300


def test_logarithms_by_their_unit() -> None:
    for unit in ("log(Angstrom)", "log10 Angstrom", "ln(Angstrom)"):
        base = np.log if unit.startswith("ln") else np.log10
        np.testing.assert_allclose(wavelengths(base([4000.0, 5000.0]), unit)[0], [4000, 5000])


def test_what_is_no_wavelength_is_refused() -> None:
    with pytest.raises(ValueError, match="--unit wave=UNIT"):
        wavelengths(np.array([1.0]), "Jy")
    assert parse_unit("relative flux") is None
    assert not is_flux_density("relative flux")


def test_flux_per_frequency_becomes_flux_per_wavelength() -> None:
    wave = np.array([4000.0, 8000.0])
    factor, assumed = flux_factor("mJy", wave)
    # 1 mJy = 1e-26 erg/s/cm²/Hz; F_λ = F_ν c/λ².
    expected = 1e-26 * 2.99792458e18 / wave**2 / 1e-17
    np.testing.assert_allclose(factor, expected, rtol=1e-9)
    assert assumed == ""
    np.testing.assert_allclose(flux_factor("erg/s/cm2/Hz", wave)[0], expected * 1e26, rtol=1e-9)


def test_per_nanometer_and_si() -> None:
    wave = np.array([5000.0])
    assert flux_factor("erg/s/cm2/nm", wave)[0] == pytest.approx(0.1 / 1e-17)
    assert flux_factor("W/m2/um", wave)[0] == pytest.approx(1e7 * 1e-4 * 1e-4 / 1e-17)


@pytest.mark.parametrize("text", ["", "adu", "counts", "furlong per fortnight"])
def test_other_units_are_taken_as_they_are_and_it_is_said(text: str) -> None:
    factor, assumed = flux_factor(text, np.array([5000.0]))
    assert factor == 1.0
    assert "taken as" in assumed


COUNTS = ("adu", "ADU/s", "counts", "ct", "electron / s", "e-/s", "e-", "DN", "ph / s", "photons")


@pytest.mark.parametrize("text", [*COUNTS, "photo-electrons", "SPECTRUM nocalib"])
def test_counts_are_not_calibrated(text: str) -> None:
    assert is_counts(text)


@pytest.mark.parametrize(
    "text", [*SDSS, "1e-20", "", "mJy", "photon / (s cm2 Angstrom)", "flux", "phase", "spec"]
)
def test_other_units_may_be_calibrated(text: str) -> None:
    assert not is_counts(text)


@given(st.text(max_size=30))
def test_any_text_is_a_unit_or_none(text: str) -> None:
    found = parse_unit(text)
    assert found is None or found.is_equivalent(found)
