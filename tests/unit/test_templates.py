"""Template libraries become models, or an error says why not."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from gasnet3.io import ReadError
from gasnet3.io.options import ReadOptions
from gasnet3.io.templates import read_library
from gasnet3.nets.card import ModelError
from gasnet3.nets.registry import find_models, list_models, load_models
from gasnet3.spectra.lattice import LogLattice
from gasnet3.train.forest import DEPTH, GROWTH, LYA, slices, transmission
from gasnet3.train.templates import TemplateOptions, TemplatesError, add_templates
from template_files import STAR_GRID, qso_library, shapes, star_library, write_redrock, write_spec1d

LOG_GRID = 3.5 + 1e-4 * np.arange(5000)


def test_redrocks_file(tmp_path):
    flux = shapes(3, STAR_GRID)
    coeff = np.ones((7, 3))
    path = write_redrock(
        tmp_path / "rrtemplate-STAR-K.fits", flux, STAR_GRID, "STAR", "K", coeff=coeff
    )
    found = read_library(path)
    assert (found.cls, found.subclass, found.names, found.z_range) == ("STAR", "K", (), None)
    assert found.fine
    assert not found.forest
    np.testing.assert_array_equal(found.coeff, coeff)
    wave = found.lattice.wave
    assert wave[0] == pytest.approx(STAR_GRID[0], rel=2e-4)
    smooth = np.interp(wave, STAR_GRID, flux[1])
    assert np.abs(found.flux[1] - smooth)[5:-5].max() < 3e-3


def test_redrocks_file_in_logarithms_with_redshifts(tmp_path):
    flux = shapes(2, 10**LOG_GRID)
    path = write_redrock(tmp_path / "a.fits", flux, LOG_GRID, "QSO", "LOZ", z=(0.05, 1.6), log=True)
    found = read_library(path)
    assert found.z_range == (0.05, 1.6)
    assert found.forest  # older files do not say
    assert not found.fine
    assert found.lattice == LogLattice(35000, 5000)
    np.testing.assert_allclose(found.flux, flux)
    said = write_redrock(tmp_path / "b.fits", flux, LOG_GRID, "QSO", log=True, RRIGM="None")
    assert not read_library(said).forest


def test_spec1ds_file(tmp_path):
    flux = shapes(3, 10**LOG_GRID)
    stars = write_spec1d(
        tmp_path / "spEigenStar.fits", flux, 35000, "STAR", ("A0 (1)", "F5V (2)", "A1III (3)")
    )
    cards = add_templates([stars], tmp_path / "models")
    assert [(c.subclass, c.options["m"]) for c in cards] == [("A", 2), ("F", 1)]
    basis = write_spec1d(tmp_path / "spEigenCV.fits", flux, 35000, "STAR_CV", ())
    found = read_library(basis)
    assert (found.cls, found.subclass, found.names) == ("STAR", "CV", ())
    np.testing.assert_allclose(found.flux, flux, rtol=1e-6)


def test_npz_of_vectors_and_of_spectra(tmp_path):
    flux = shapes(2, 10**LOG_GRID)
    np.savez(tmp_path / "basis.npz", k0=35000, flux=flux, label=["0", "1"])
    np.savez(tmp_path / "single.npz", k0=35000, flux=flux, label=["G2V", "K1"])
    assert read_library(tmp_path / "basis.npz").names == ()
    assert read_library(tmp_path / "single.npz").names == ("G2V", "K1")


def test_a_table_of_wavelength_and_flux(tmp_path):
    wave = np.arange(3300.0, 9800.0, 1.0)
    flux = shapes(1, wave)[0]
    Table({"wavelength": wave, "flux": flux}).write(tmp_path / "mine.csv")
    options = TemplateOptions("STAR", "odd")
    (card,) = add_templates([tmp_path / "mine.csv"], tmp_path / "models", options)
    assert (card.cls, card.subclass, card.options) == ("STAR", "odd", {"m": 1})
    (model,) = load_models(tmp_path / "models").values()
    seen = np.interp(card.rest.wave, wave, flux)
    ratio = model.eigenspectra[0].numpy() / seen
    assert np.abs(ratio / np.median(ratio) - 1).max() < 0.01


def test_several_tables_of_a_kind_are_one_model(tmp_path):
    wave = np.arange(3300.0, 9800.0, 1.0)
    for seed in range(8):
        table = Table({"wavelength": wave, "flux": shapes(1, wave, seed)[0]})
        table.write(tmp_path / f"{seed}.csv")
    files = sorted(tmp_path.glob("*.csv"))
    (card,) = add_templates(files, tmp_path / "models", TemplateOptions("STAR", "odd"))
    assert card.options == {"m": 5}


def broken_keyword(directory):
    flux = shapes(2, STAR_GRID)
    return write_redrock(directory / "a.fits", flux, STAR_GRID, "STAR", without=("CRVAL1",))


def broken_class(directory):
    return write_redrock(directory / "a.fits", shapes(2, STAR_GRID), STAR_GRID, "PLANET")


def broken_coeff(directory):
    flux, coeff = shapes(2, STAR_GRID), np.ones((4, 3))
    return write_redrock(directory / "a.fits", flux, STAR_GRID, "STAR", coeff=coeff)


def broken_gap(directory):
    flux = shapes(2, STAR_GRID)
    flux[:, 5000:5100] = np.nan
    return write_redrock(directory / "a.fits", flux, STAR_GRID, "STAR")


def broken_units(directory):
    return write_redrock(directory / "a.fits", shapes(2, STAR_GRID), STAR_GRID / 1e4, "STAR")


def broken_grid(directory):
    flux = shapes(2, STAR_GRID)
    return write_redrock(directory / "a.fits", flux, STAR_GRID, "STAR", CDELT1=0.0)


def broken_half(directory):
    path = write_redrock(directory / "a.fits", shapes(2, STAR_GRID), STAR_GRID, "STAR")
    path.write_bytes(path.read_bytes()[:20000])
    return path


def broken_hdu(directory):
    path = directory / "rrtemplate-STAR-K.fits"
    fits.PrimaryHDU(np.ones((2, 100))).writeto(path)
    return path


def broken_spec1d(directory):
    path = write_spec1d(directory / "spEigenA.fits", np.ones((2, 500)), 35000, "STAR", ())
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["COEFF1"]
    return path


def broken_text(directory):
    path = directory / "a.txt"
    path.write_text("no spectrum\n")
    return path


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (broken_keyword, "lacks CRVAL1"),
        (broken_class, "RRTYPE is 'PLANET'"),
        (broken_coeff, r"\(4, 3\) for 2 templates"),
        (broken_gap, "a gap at 5"),
        (broken_units, "are the wavelengths in Å"),
        (broken_grid, "wavelengths make no templates"),
        (broken_half, "cannot be read|make no templates"),
        (broken_hdu, "BASIS_VECTORS"),
        (broken_spec1d, "lacks COEFF1"),
        (broken_text, "a.txt"),
        (lambda directory: directory / "none.fits", "is no file"),
    ],
)
@pytest.mark.filterwarnings("ignore:File may have been truncated")
def test_a_bad_file_is_told_by_name(tmp_path, broken, said):
    path = broken(tmp_path)
    with pytest.raises(ReadError, match=said) as error:
        add_templates([path], tmp_path / "models")
    assert str(path) in str(error.value)
    assert not (tmp_path / "models").exists()


def test_what_makes_no_models_is_told(tmp_path):
    files, out = star_library(tmp_path), tmp_path / "models"
    grid = 10 ** LOG_GRID[:2000]
    short = write_spec1d(tmp_path / "s.fits", shapes(2, grid), 36000, "QSO", ())
    with pytest.raises(TemplatesError, match="too little for spectra of 3600 to 9200"):
        add_templates([short], out)
    with pytest.raises(TemplatesError, match=r"--z-range -0.004:0.12\d"):
        add_templates(files, out, TemplateOptions(z_range=(-0.004, 0.5)))
    with pytest.raises(TemplatesError, match="one by one, with a --subclass each"):
        add_templates([files[0], files[0]], out)
    np.savez(tmp_path / "basis.npz", k0=35000, flux=shapes(2, 10**LOG_GRID))
    with pytest.raises(TemplatesError, match="give --class"):
        add_templates([tmp_path / "basis.npz"], out)
    np.savez(tmp_path / "flat.npz", k0=35000, flux=np.ones((1, 5000)))
    with pytest.raises(TemplatesError, match="polynomial of degree 0"):
        add_templates([tmp_path / "flat.npz"], out, TemplateOptions("STAR", degree=0))
    assert not out.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cls": "PLANET"}, "no class"),
        ({"z_range": (1.0, 0.5)}, "empty"),
        ({"degree": -2}, "-1 for none"),
        ({"subclass": "x" * 17}, "too long"),
    ],
)
def test_wrong_options_are_told(wrong, said):
    with pytest.raises(ValueError, match=said):
        TemplateOptions(**wrong)


def test_what_is_there_is_kept(tmp_path):
    files, out = star_library(tmp_path), tmp_path / "models"
    add_templates(files[:1], out)
    add_templates(files[1:], out)
    assert list(load_models(out)) == ["STAR star-k", "STAR star-m"]
    with pytest.raises(TemplatesError, match=r"has star-k already.*--overwrite"):
        add_templates(files, out)
    add_templates(files, out, TemplateOptions(degree=2), overwrite=True)
    assert {info.card.degree for info in list_models(out)} == {2}
    with pytest.raises(TemplatesError, match="two models would be called star-k"):
        add_templates(files[:1], out, TemplateOptions(subclass="k"))
    with pytest.raises(ModelError, match="different lattices"):
        add_templates(qso_library(tmp_path), out, TemplateOptions(lattice=LogLattice(35563, 4000)))
    assert len(list_models(out)) == 2


def test_slices_are_replaced_together(tmp_path):
    files, out = qso_library(tmp_path), tmp_path / "models"
    many = add_templates(files[1:], out)
    assert len(many) > 3
    few = add_templates(files[1:], out, TemplateOptions(z_range=(1.4, 1.9)), overwrite=True)
    assert [info.name for info in list_models(out)] == [card.name for card in few] == ["qso-hiz"]


def test_sharp_templates_are_smoothed_to_the_resolution_of_spectra(tmp_path):
    grid = 3200.0 + 0.1 * np.arange(70000)
    flux = np.ones((1, len(grid)))
    flux[0, 30000:30003] = 100.0  # at 6200 Å
    path = write_redrock(tmp_path / "a.fits", flux, grid, "STAR")

    def width(resolution=None):
        options = TemplateOptions(reading=ReadOptions(resolution=resolution))
        (card,) = add_templates([path], tmp_path / "models", options, overwrite=True)
        line = load_models(tmp_path / "models")["STAR star"].eigenspectra[0].numpy()
        line = np.abs(line - np.median(line))
        x = np.arange(len(line)) - line.argmax()
        near = np.abs(x) < 12
        return card.sigma, np.sqrt((line * x**2)[near].sum() / line[near].sum())

    sigma, sharp = width()
    assert sigma == 0.9
    assert sharp == pytest.approx(0.9, abs=0.1)
    sigma, broad = width("R=1000")  # as broad as it is: nothing is added
    assert sigma == pytest.approx(1.84, abs=0.01)
    assert broad < 0.5


def test_the_forest_in_slices():
    z = np.linspace(1.4, 5.0, 500)
    parts = slices(1.4, 5.0, 3600.0)
    assert all(((low <= z) & (z <= high)).any() for low, high, _ in parts)
    inside = [any(low < one < high for low, high, _ in parts) for one in z[1:-1]]
    assert all(inside)
    for low, high, middle in parts:
        ends = np.exp(-DEPTH * (1 + np.array([max(low, 1.97), middle, high])) ** GROWTH)
        assert np.abs(np.diff(ends)).max() < 0.08
    assert slices(0.05, 1.6, 3600.0) == [(0.05, 1.6, 0.05)]
    wave = np.array([1000.0, LYA - 0.01, LYA + 0.01])
    seen = transmission(wave, 3.0)
    assert seen[2] == 1.0
    assert seen[0] > seen[1]
    assert seen[1] == pytest.approx(np.exp(-0.00554 * 4.0**3.182), rel=1e-3)


def test_there_is_no_network(tmp_path):
    out = tmp_path / "models"
    add_templates(star_library(tmp_path), out)
    (model, _) = load_models(out).values()
    with pytest.raises(ModelError, match="hybrid or exact"):
        model.card.need_network()
    with pytest.raises(ModelError, match="reconstruct no spectra"):
        model.reconstruct(None, None)
    assert [info.card.key for info in find_models(out).values()] == ["STAR star-k", "STAR star-m"]
