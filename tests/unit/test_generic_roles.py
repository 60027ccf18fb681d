"""What arrays stand for, by name, UCD and unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasnet3.io import ReadOptions
from gasnet3.io.generic.roles import NAMES, Held, RolesError, recognise
from gasnet3.io.options import ROLES


def _pixels(*names: str) -> list[Held]:
    return [Held(name, "pixels") for name in names]


def _found(arrays: list[Held], options: ReadOptions | None = None) -> dict[str, str]:
    roles = recognise(arrays, options or ReadOptions())
    return {role: one.name for role, one in roles.arrays.items()}


def test_every_role_has_names_and_no_name_two_roles() -> None:
    assert set(NAMES) == set(ROLES)
    listed = [name for names in NAMES.values() for name in names]
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("FLUX", "LOGLAM", "IVAR"), {"flux": "FLUX", "loglam": "LOGLAM", "ivar": "IVAR"}),
        (("Wavelength", "Flux_Density", "flux_err"), {"wave": "Wavelength", "error": "flux_err"}),
        (("spectrum.lambda", "spectrum.flux"), {"wave": "spectrum.lambda"}),
        (("spectrum_lambda", "spectrum_flux", "spectrum_mask"), {"mask": "spectrum_mask"}),
        (("lambda_air", "flux"), {"wave": "lambda_air"}),
        (("wave", "flux", "sky", "and_mask"), {"mask": "and_mask"}),
        (
            ("lam", "flam", "flam_err", "spec_quality"),
            {"error": "flam_err", "mask": "spec_quality"},
        ),
        (("wl", "err_fnu", "fnu"), {"error": "err_fnu", "flux": "fnu"}),
    ],
)
def test_by_name(names: tuple[str, ...], expected: dict[str, str]) -> None:
    assert expected.items() <= _found(_pixels(*names)).items()


def test_by_ucd_and_by_unit() -> None:
    arrays = [
        Held("x", "pixels", ucd="em.wl;meta.main"),
        Held("y", "pixels", ucd="phot.flux.density;em.wl"),
        Held("dy", "pixels", ucd="stat.error;phot.flux.density"),
    ]
    assert _found(arrays) == {"wave": "x", "flux": "y", "error": "dy"}
    arrays = [Held("a", "pixels", "nm"), Held("b", "pixels", "mJy")]
    assert _found(arrays) == {"wave": "a", "flux": "b"}


def test_a_value_a_spectrum_is_no_flux() -> None:
    arrays = [*_pixels("wave", "flux"), Held("z", "rows"), Held("id", "rows")]
    assert _found(arrays) == {"wave": "wave", "flux": "flux", "z": "z", "id": "id"}
    with pytest.raises(RolesError, match="--column flux=NAME"):
        recognise([*_pixels("wave"), Held("flux", "rows")])


def test_flux_in_the_z_band_is_no_redshift() -> None:
    arrays = [
        *_pixels("wave", "flux"),
        Held("FLUX_Z", "rows"),
        Held("spectrum_id", "rows"),
    ]
    assert _found(arrays) == {"wave": "wave", "flux": "flux", "id": "spectrum_id"}


def test_what_the_user_says_goes_first() -> None:
    arrays = _pixels("wave", "flux", "flux_corrected", "err", "weird")
    said = ReadOptions.parse(columns=["flux=FLUX_CORRECTED", "error=weird"], units=["wave=nm"])
    assert _found(arrays, said) == {"wave": "wave", "flux": "flux_corrected", "error": "weird"}
    assert recognise(arrays, said).arrays["wave"].unit == "nm"
    with pytest.raises(RolesError, match=r"no 'absent' for flux; there are: wave, flux"):
        recognise(arrays, ReadOptions.parse(columns=["flux=absent"]))


def test_one_uncertainty_is_kept_and_the_rest_is_told() -> None:
    roles = recognise(_pixels("wave", "flux", "error", "ivar", "var", "sky"))
    assert roles.arrays.keys() == {"wave", "flux", "ivar"}
    told = " ".join(roles.understood.ignored)
    assert all(name in told for name in ("error", "var", "sky"))


def test_what_is_missing_is_told_with_what_there_is() -> None:
    with pytest.raises(RolesError, match=r"where the wavelengths are among: flux, sky"):
        recognise(_pixels("flux", "sky"))
    assert recognise(_pixels("flux"), has_wave=True).arrays.keys() == {"flux"}


@given(st.permutations(["wave", "flux", "ivar", "mask", "sky", "model"]))
def test_the_order_does_not_matter(names: list[str]) -> None:
    expected = {"wave": "wave", "flux": "flux", "ivar": "ivar", "mask": "mask"}
    assert _found(_pixels(*names)) == expected
