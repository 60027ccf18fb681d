"""Spectra on the lattice of the models they are for: cut, padded, read onto it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mock_surveys
from gasnet3 import Spectra, io
from gasnet3.decide.continua import Shapes
from gasnet3.flags import ZWarn
from gasnet3.io import register
from gasnet3.io.inspect.inspecting import inspect_file
from gasnet3.io.registry import READERS
from gasnet3.nets.card import ModelError, common_lattice
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import Model
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import legendre_basis, prepare
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.coverage import whole_span
from gasnet3.spectra.lattice import OBSERVED, LogLattice
from gasnet3.spectra.target import STANDARD, onto, target_lattice
from toy import toy_model, toy_spectra

BROAD = LogLattice(35450, 4801)
"""3508 to 10,593 Å: more on both sides than the lattice of the default models."""


@pytest.fixture
def broad(rng: np.random.Generator) -> Spectra:
    """Three spectra over the whole broad lattice, one of them only beyond 9200 Å."""
    flux = rng.normal(size=(3, BROAD.n))
    ivar = np.full(flux.shape, 2.0)
    ivar[2, BROAD.wave < 9300] = 0
    return Spectra.from_arrays(flux, ivar, loglam=BROAD.loglam, lattice=BROAD)


def test_cut_to_a_narrower_lattice_is_what_reading_onto_it_gives(broad: Spectra) -> None:
    cut = broad.on(OBSERVED)
    read = Spectra.from_arrays(broad.flux, broad.ivar, loglam=BROAD.loglam, lattice=OBSERVED)
    assert cut.flux.tobytes() == read.flux.tobytes()
    assert cut.ivar.tobytes() == read.ivar.tobytes()
    assert cut.zwarn.tolist() == read.zwarn.tolist() == [0, 0, int(ZWarn.NODATA)]


def test_padding_adds_masked_pixels_and_cutting_takes_them_away(broad: Spectra) -> None:
    narrow = broad.on(OBSERVED)[:2]
    padded = narrow.on(BROAD)
    assert padded.lattice == BROAD
    assert padded.n_good.tolist() == [OBSERVED.n] * 2
    first = OBSERVED.k_min - BROAD.k_min
    assert padded.flux[:, first : first + OBSERVED.n].tobytes() == narrow.flux.tobytes()
    again = padded.on(OBSERVED)
    assert again.flux.tobytes() == narrow.flux.tobytes()
    assert again.zwarn.tolist() == [0, 0]
    assert narrow.on(OBSERVED) is narrow


def test_a_lattice_elsewhere_shares_no_pixel(broad: Spectra) -> None:
    beyond = broad.on(LogLattice(41000, 100))
    assert not beyond.ivar.any()
    assert (beyond.zwarn & int(ZWarn.NODATA)).all()


def test_spectra_go_where_files_are_read_onto_and_back_to_the_standard() -> None:
    with onto(BROAD):
        assert Spectra.from_arrays([], [], [5000.0]).lattice == BROAD == target_lattice()
        named = Spectra.from_arrays([], [], [5000.0], lattice=OBSERVED)
        assert named.lattice == OBSERVED
    assert Spectra.from_arrays([], [], [5000.0]).lattice == STANDARD == target_lattice()


def test_every_way_of_reading_a_file_takes_the_lattice(tmp_path: Path) -> None:
    path = mock_surveys.desi(tmp_path / "coadd.fits")
    whole = io.read_file(path, lattice=BROAD)
    assert whole.lattice == BROAD
    seen = BROAD.wave[whole.ivar[0] > 0]
    assert seen.max() == pytest.approx(9824, abs=8)
    ways = [
        io.read(path, lattice=BROAD),
        io.read_rows(path, 0, 3, lattice=BROAD),
        next(io.iter_batches(path, 9, [], lattice=BROAD)),
        Spectra.concatenate(list(io.find_spectra(path, whole.ids, lattice=BROAD).values())),
    ]
    assert [way.flux.tobytes() for way in ways] == [whole.flux.tobytes()] * 4
    narrow = io.read_file(path)
    assert narrow.lattice == STANDARD
    assert whole.on(STANDARD).flux.tobytes() == narrow.flux.tobytes()


def test_readers_of_others_need_not_know_of_lattices(tmp_path: Path) -> None:
    class Other:
        name = "other"

        def matches(self, path: Path, head: bytes) -> bool:
            return head == b"other"

        def read(self, path: Path) -> Spectra:
            return Spectra.from_arrays(np.ones(800), np.ones(800), np.linspace(9500, 10300, 800))

    (tmp_path / "x").write_bytes(b"other")
    register(Other())
    try:
        assert io.read_file(tmp_path / "x", lattice=BROAD).n_good[0] > 300
        assert io.read_rows(tmp_path / "x", 0, 1, lattice=BROAD).n_good[0] > 300
        assert io.read_file(tmp_path / "x", lattice=OBSERVED).n_good[0] == 0
    finally:
        READERS.pop(0)


def test_shards_of_one_lattice_serve_models_of_another(tmp_path: Path, broad: Spectra) -> None:
    io.write_shard(tmp_path / "broad.arrow", broad)
    io.write_shard(tmp_path / "narrow.arrow", broad.on(OBSERVED))
    cut = io.read_file(tmp_path / "broad.arrow", lattice=OBSERVED)
    assert cut.flux.tobytes() == broad.on(OBSERVED).flux.tobytes()
    padded = io.read_rows(tmp_path / "narrow.arrow", 1, 2, lattice=BROAD)
    assert padded.n_good.tolist() == [OBSERVED.n]
    report, _ = inspect_file(tmp_path / "narrow.arrow", lattice=BROAD)
    assert "convert the files anew" in report.understood.assumed[0]
    assert report.wanted == pytest.approx((3508, 10593), abs=1)
    assert report.grids[0].pixels == OBSERVED.n
    report, _ = inspect_file(tmp_path / "broad.arrow", lattice=OBSERVED)
    assert report.understood.assumed == []
    assert report.outside == pytest.approx(1 - OBSERVED.n / BROAD.n)
    assert not any("wavelengths" in text for text in report.warnings)


def test_models_cut_what_they_do_not_see_and_ask_for_what_they_lack() -> None:
    model = toy_model("GALAXY")
    pipeline = Pipeline((Engine(model),), SOLVERS["hybrid"], torch.device("cpu"))
    spectra = toy_spectra(model, np.array([0.03, 0.07]))
    expected, cut = pipeline.run(spectra), pipeline.run(spectra.on(BROAD))
    assert expected["z"].tolist() == cut["z"].tolist()
    assert expected["chi2"].tolist() == cut["chi2"].tolist()
    with pytest.raises(ValueError, match=r"3600 to 9200 Å.*spectra\.on\(pipeline\.lattice\)"):
        pipeline.run(spectra.on(LogLattice(35600, 4000)))


def test_models_of_different_lattices_do_not_work_together() -> None:
    cards = [toy_model("STAR").card, toy_model("GALAXY", lattice=BROAD).card]
    with pytest.raises(ModelError, match="3600 to 9200 Å and 3508 to 10593 Å"):
        common_lattice(cards)


def cut_to(model: Model, lattice: LogLattice) -> Model:
    """A model that sees a part of the lattice only, with the same eigenspectra there."""
    card = replace(model.card, k_min=lattice.k_min, n=lattice.n)
    network = Encoder(card.n, card.rest.n, card.options["m"])
    first = card.rest.k_min - model.card.rest.k_min
    with torch.no_grad():
        network.eigenspectra.copy_(model.network.eigenspectra[:, first : first + card.rest.n])
    return Model(card, network.eval().requires_grad_(False))


@pytest.mark.parametrize("ends", [(3800, 9200), (4750, 9190), (3690, 9100)])
def test_unseen_ends_of_a_lattice_change_nothing(ends: tuple[float, float]) -> None:
    wide = {cls: toy_model(cls, lattice=BROAD) for cls in ("STAR", "GALAXY", "QSO")}
    narrow = {cls: cut_to(model, OBSERVED) for cls, model in wide.items()}
    spectra = toy_spectra(wide["GALAXY"], np.linspace(0.01, 0.09, 8), sn=10)
    unseen = (BROAD.wave < ends[0]) | (BROAD.wave > ends[1])
    spectra.flux[:, unseen] = spectra.ivar[:, unseen] = 0
    found = [
        Pipeline(
            tuple(Engine(model) for model in models.values()),
            SOLVERS["hybrid"],
            torch.device("cpu"),
        ).run(spectra)
        for models in (wide, narrow)
    ]
    assert found[0]["class"].tolist() == found[1]["class"].tolist()
    assert found[0]["zwarn"].tolist() == found[1]["zwarn"].tolist()
    # Sums over other blocks of pixels: the last search of the minimum ends elsewhere within it.
    assert (np.abs(found[0]["z"] - found[1]["z"]) < 0.01 * found[0]["z_err"]).all()
    for name in ("chi2", "z_err", "delta_chi2"):
        np.testing.assert_allclose(found[0][name], found[1][name], rtol=1e-4)


def test_continua_mean_the_same_on_every_lattice_that_has_the_papers(broad: Spectra) -> None:
    spectra = replace(broad, flux=broad.flux + np.float32(20)).on(OBSERVED)[:2]
    narrow, wide = (prepare(one, 5) for one in (spectra, spectra.on(BROAD)))
    np.testing.assert_allclose(wide.continuum, narrow.continuum, rtol=1e-7)
    np.testing.assert_allclose(wide.size, narrow.size, rtol=1e-12)
    assert Shapes.of(wide).known.tolist() == Shapes.of(narrow).known.tolist() == [True, True]
    basis = legendre_basis(BROAD, 5).numpy()
    first = OBSERVED.k_min - BROAD.k_min
    np.testing.assert_allclose(
        basis[:, first : first + OBSERVED.n], legendre_basis(OBSERVED, 5).numpy(), atol=1e-12
    )
    elsewhere = legendre_basis(LogLattice(40000, 500), 2).numpy()
    assert elsewhere[1, [0, -1]].tolist() == [-1, 1]


@pytest.mark.parametrize(
    ("ends", "whole"), [((3800, 9200), True), ((3690, 9100), True), ((4750, 9350), False)]
)
def test_the_whole_is_what_surveys_observe(ends: tuple[float, float], whole: bool) -> None:
    pixels = int(np.diff(BROAD.index(np.array(ends)))[0])
    assert (pixels >= whole_span(BROAD)) == whole
    assert whole_span(BROAD) == whole_span(OBSERVED)
    assert whole_span(LogLattice(36000, 1000)) == 850
