"""From arrays with roles to spectra in vacuum Å, F_λ and inverse variance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasnet3.flags import ZWarn
from gasnet3.io import ReadError, ReadOptions
from gasnet3.io.generic.assemble import Loaded, assemble
from gasnet3.io.generic.noise import NOISE_KEY, estimated_ivar
from gasnet3.io.generic.roles import ROW_ROLES, Held, Roles, recognise
from gasnet3.spectra.airvac import vacuum_to_air
from gasnet3.spectra.batch import UNCALIBRATED, Spectra

WAVE = np.arange(5000.0, 5400.0, 2.0)
FLUX = 10.0 + np.sin(WAVE / 30.0)
IVAR = np.full(WAVE.size, 4.0)
FLAM = "1e-17 erg/s/cm2/A"
REFERENCE = Spectra.from_arrays(FLUX, IVAR, WAVE)


def _roles(names: dict[str, str], options: ReadOptions | None = None) -> Roles:
    described = [
        Held(name, "rows" if name in ROW_ROLES else "pixels", unit) for name, unit in names.items()
    ]
    return recognise(described, options or ReadOptions())


def _read(
    arrays: dict[str, Any],
    units: dict[str, str] | None = None,
    options: ReadOptions | None = None,
    **facts: Any,
) -> Spectra:
    roles = _roles({name: (units or {}).get(name, "") for name in arrays}, options)
    return assemble(Path("some.dat"), Loaded(arrays, **facts), roles, options or ReadOptions())


def _same(spectra: Spectra, rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(spectra.flux[0], REFERENCE.flux[0], rtol=rtol)
    np.testing.assert_allclose(spectra.ivar[0], REFERENCE.ivar[0], rtol=rtol)


@pytest.mark.parametrize(
    ("name", "values"), [("ivar", IVAR), ("error", IVAR**-0.5), ("variance", 1 / IVAR)]
)
def test_every_kind_of_uncertainty(name: str, values: np.ndarray) -> None:
    _same(_read({"wave": WAVE, "flux": FLUX, name: values}))


def test_units_of_all_three() -> None:
    nu = 2.99792458e18 / WAVE
    millijansky = FLUX * 1e-17 * WAVE / nu / 1e-26
    microjansky = IVAR**-0.5 * 1e-17 * WAVE / nu / 1e-29
    arrays = {"wave": WAVE / 10.0, "flux": millijansky, "error": microjansky}
    _same(_read(arrays, {"wave": "nm", "flux": "mJy", "error": "uJy"}))
    cgs = {"wave": WAVE, "flux": FLUX * 1e-17, "ivar": IVAR * 1e34}
    _same(_read(cgs, {"wave": "Angstrom", "flux": "erg/s/cm2/A"}))
    _same(_read({"wave": WAVE, "flux": FLUX, "ivar": IVAR}, {"flux": FLAM, "ivar": "nonsense"}))


def test_air_by_the_file_by_the_name_and_by_the_user() -> None:
    air = vacuum_to_air(WAVE)
    rest = {"flux": FLUX, "ivar": IVAR}
    _same(_read({"wave": air, **rest}, air=True))
    _same(_read({"wave_air": air, **rest} | {"wave": air}, options=ReadOptions(air=True)))
    _same(_read({"wave": WAVE, **rest}, air=False, options=ReadOptions(air=True)))
    _same(_read({"wave": air, **rest}, air=True, options=ReadOptions(air=False)))
    _same(_read({"wave": air, **rest}, air=False, options=ReadOptions(force_air=True)))
    _same(_read({"wave": WAVE, **rest}, air=True, options=ReadOptions(force_air=False)))
    roles = recognise([Held("lambda_air", "pixels"), Held("flux", "pixels")])
    _same(assemble(Path("a"), Loaded({"wave": air, **rest}), roles))


def test_masks_say_bad_or_good() -> None:
    bad = np.zeros(WAVE.size, int)
    bad[40:60] = 8
    arrays = {"wave": WAVE, "flux": FLUX, "ivar": IVAR}
    masked = _read({**arrays, "mask": bad})
    assert 0 < masked.n_good[0] < REFERENCE.n_good[0]
    roles = _roles({**dict.fromkeys(arrays, ""), "good": ""})
    again = assemble(Path("a"), Loaded({**arrays, "mask": bad == 0}), roles)
    np.testing.assert_array_equal(again.ivar, masked.ivar)


def test_masked_arrays_and_what_is_not_finite_are_masked() -> None:
    flux = np.ma.MaskedArray(FLUX, np.zeros(WAVE.size, bool))
    flux[30:40] = np.ma.masked
    error = IVAR**-0.5
    error[80:90] = [0, -1, np.nan, np.inf, 0, 0, 0, 0, 0, 0]
    found = _read({"wave": WAVE, "flux": flux, "error": error})
    hidden = _read({"wave": WAVE, "flux": FLUX, "ivar": np.where(error > 0, IVAR, 0.0)})
    assert found.n_good[0] < hidden.n_good[0] <= REFERENCE.n_good[0]
    assert np.isfinite(found.flux).all()


def test_rows_padded_to_one_length() -> None:
    wave = np.stack([np.concatenate([WAVE, [-1.0, -1.0]]), np.concatenate([WAVE, [0.0, np.nan]])])
    pad = ((0, 0), (0, 2))
    arrays = {
        "wave": wave,
        "flux": np.pad(np.stack([FLUX, FLUX]), pad),
        "ivar": np.pad(np.stack([IVAR, IVAR]), pad),
    }
    found = _read(arrays)
    for row in (0, 1):
        np.testing.assert_array_equal(found.ivar[row], REFERENCE.ivar[0])


def test_rows_of_different_length_and_columns_of_rows() -> None:
    arrays = {
        "wave": [WAVE, WAVE[:50]], "flux": [FLUX, FLUX[:50]], "ivar": [IVAR, IVAR[:50]],
        "id": np.array([b"one ", b"two"]), "z": np.array([0.5, -9999.0]),
        "class": np.array(["quasar", "nebula"]), "ra": np.array([1.0, 2.0]),
    }  # fmt: skip
    found = _read(arrays, keys={"plate": np.array([7, 8])})
    assert found.ids.tolist() == ["one", "two"]
    np.testing.assert_array_equal(found.z, [0.5, np.nan])
    assert found.classes.tolist() == ["QSO", ""]
    assert found.meta["ra"].tolist() == [1.0, 2.0]
    assert found.meta["plate"].tolist() == [7, 8]
    assert found.n_good[1] < found.n_good[0]


def test_noise_is_estimated_where_there_is_none_and_that_is_said(rng: np.random.Generator) -> None:
    wave = np.arange(4000.0, 9000.0, 1.0)
    flux = 20.0 + 2.0 * rng.normal(size=wave.size)
    roles = _roles({"wave": "", "flux": ""})
    found = assemble(Path("a"), Loaded({"wave": wave, "flux": flux}), roles)
    assert found.meta[NOISE_KEY].tolist() == [True]
    assert any("noise is estimated" in text for text in roles.understood.assumed)
    # Within the statistics of 64 pixels a window.
    sigma = estimated_ivar(flux) ** -0.5
    assert np.median(sigma) == pytest.approx(2.0, rel=0.1)
    assert (np.abs(sigma / 2.0 - 1.0) < 0.5).all()


@pytest.mark.parametrize(
    ("name", "unit", "said", "facts", "uncalibrated"),
    [
        ("flux", "", (), {}, False),
        ("flux", "adu", (), {}, True),
        ("counts", "", (), {}, True),
        ("counts", FLAM, (), {}, False),
        ("flux", "", ("flux=count",), {}, True),
        ("flux", "adu", (f"flux={FLAM}",), {}, False),
        ("flux", "", (), {"calibrated": False}, True),
        ("flux", FLAM, (), {"calibrated": False}, False),
    ],
)
def test_counts_are_marked_and_a_unit_of_flux_density_is_believed(
    name: str, unit: str, said: tuple[str, ...], facts: dict[str, Any], uncalibrated: bool
) -> None:
    options = ReadOptions.parse(units=said)
    roles = _roles({"wave": "", name: unit, "ivar": ""}, options)
    arrays = {"wave": WAVE, "flux": FLUX, "ivar": IVAR}
    found = assemble(Path("some.dat"), Loaded(arrays, **facts), roles, options)
    assert (UNCALIBRATED in found.meta) == uncalibrated
    assert found.calibrated.tolist() == [not uncalibrated]
    assert any("not calibrated" in text for text in roles.understood.assumed) == uncalibrated


def test_noise_of_flux_that_has_none() -> None:
    assert not estimated_ivar(np.ones(500)).any()
    assert not estimated_ivar(np.array([1.0, np.nan])).any()
    step = np.repeat([1.0, 2.0], 250) + np.tile([0.0, 0.1, 0.3, 0.2, 0.4], 100)
    step[10] = np.nan
    assert estimated_ivar(step)[10] == 0.0
    assert (np.delete(estimated_ivar(step), 10) > 0).all()


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ({"wave": WAVE, "flux": FLUX[:-1], "ivar": IVAR}, "row 0: flux has 199 pixels"),
        ({"wave": WAVE[:-1], "flux": FLUX, "ivar": IVAR}, "its wavelengths 199"),
        ({"wave": WAVE, "flux": FLUX, "ivar": IVAR, "mask": [0]}, "its mask 1"),
        ({"wave": WAVE[::2].repeat(2), "flux": FLUX, "ivar": IVAR}, "sort them"),
        ({"wave": [WAVE] * 3, "flux": [FLUX] * 2, "ivar": [IVAR] * 2}, "2 spectra and 3 rows"),
        ({"wave": WAVE, "flux": [FLUX] * 2, "ivar": [IVAR]}, "2 spectra and 1 rows of ivar"),
    ],
)
def test_arrays_that_do_not_fit_are_told(arrays: dict[str, Any], problem: str) -> None:
    with pytest.raises(ReadError, match=rf"some\.dat: .*{problem}"):
        _read(arrays)


def test_a_row_with_a_bad_grid_is_flagged_among_others() -> None:
    found = _read(
        {"wave": [WAVE, WAVE[::-1].repeat(2)[:200]], "flux": [FLUX] * 2, "ivar": [IVAR] * 2}
    )
    assert found.zwarn[1] & ZWarn.NODATA
    assert not found.zwarn[0]
