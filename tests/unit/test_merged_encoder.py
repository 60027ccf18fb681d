"""The merged Encoder: frozen eigenspectra, one trunk, and views that equal its heads."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import Table

from gasnet3 import CLASSES
from gasnet3.io import write_npz
from gasnet3.nets.card import ModelError
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import Model
from gasnet3.nets.unet import UNet
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.solve.batching import BLOCK
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.solve.solvers import SOLVERS
from gasnet3.spectra.batch import Spectra
from toy import Z_RANGE, toy_model, toy_spectra

sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from merged import comparison
from merged.network import MergedEncoder, read_merged, start_from, write_merged
from merged.page import page
from merged.training import Settings, load_sets, train_merged

SIZES = dict(zip(CLASSES, (3, 4, 5), strict=True))


@pytest.fixture
def models():
    return {cls: toy_model(cls, m) for cls, m in SIZES.items()}


@pytest.fixture
def network(models):
    torch.manual_seed(3)
    return MergedEncoder(models).eval()


@pytest.fixture
def spectra(models):
    rows = [toy_spectra(models[cls], np.full(2, 0.5 * Z_RANGE[cls][1])) for cls in CLASSES]
    together = Spectra.concatenate(rows)
    return replace(together, ids=np.array([f"row-{i}" for i in range(len(together))]))


def test_each_class_keeps_its_own_eigenspectra_and_learns_none(models, network):
    for cls, model in models.items():
        kept = network.encoder(cls).eigenspectra
        assert not kept.requires_grad
        assert torch.equal(kept, model.eigenspectra)


def test_training_starts_from_the_deep_encoders(models, spectra):
    deep = {
        cls: Model(model.card, Encoder(model.card.n, model.card.rest.n, SIZES[cls], "deep").eval())
        for cls, model in models.items()
    }
    views = MergedEncoder(deep).eval().views(deep)
    prepared = prepare(spectra)
    same = {
        cls: torch.equal(
            views[cls].reconstruct(prepared.flux, prepared.ivar).flux,
            deep[cls].reconstruct(prepared.flux, prepared.ivar).flux,
        )
        for cls in CLASSES
    }
    assert same == {"STAR": False, "GALAXY": False, "QSO": True}
    for cls in CLASSES:
        there, here = views[cls].network.head, deep[cls].network.head
        assert all(map(torch.equal, there.parameters(), here.parameters()))


def test_views_are_the_heads_over_one_trunk(models, network, spectra):
    prepared = prepare(spectra)
    with torch.inference_mode():
        seen = network.see(prepared.flux, prepared.ivar)
        for cls, view in network.views(models).items():
            out = view.reconstruct(prepared.flux, prepared.ivar)
            scaled = network.scaled(cls, seen)
            assert scaled.shape == (len(spectra), SIZES[cls])
            assert out.flux.shape == (len(spectra), models[cls].card.rest.n)
            torch.testing.assert_close(out.amplitude[:, None] * out.coeff, scaled)
            torch.testing.assert_close(out.flux, scaled @ models[cls].eigenspectra)


def test_the_trunk_sees_a_block_once_for_all_classes(models, network, spectra, monkeypatch):
    many = prepare(Spectra.concatenate([spectra] * 12))
    calls = []
    layers = network.trunk.layers.forward
    monkeypatch.setattr(network.trunk.layers, "forward", lambda x: calls.append(x) or layers(x))
    for view in network.views(models).values():
        Engine(view).reconstruct(many)
    assert len(calls) == -(-len(many) // BLOCK)


def test_what_the_trunk_keeps_does_not_outlive_its_weights(models, network, spectra):
    prepared = prepare(spectra)
    model = network.views(models)["QSO"]
    before = model.reconstruct(prepared.flux, prepared.ivar).flux
    loss = network.see(prepared.flux, prepared.ivar).square().sum()
    loss.backward()
    with torch.no_grad():
        for parameter in network.trunk.parameters():
            parameter -= 0.01 * parameter.grad.sign()
    after = model.reconstruct(prepared.flux, prepared.ivar).flux
    assert not torch.allclose(before, after)


def test_weights_survive_a_round_trip_and_other_eigenspectra_are_refused(
    models, network, spectra, tmp_path
):
    path = tmp_path / "merged.safetensors"
    write_merged(network, path)
    back = read_merged(path, models)
    prepared = prepare(spectra)
    for cls, model in network.views(models).items():
        there = back.views(models)[cls].reconstruct(prepared.flux, prepared.ivar).flux
        assert torch.equal(there, model.reconstruct(prepared.flux, prepared.ivar).flux)
    others = models | {"QSO": toy_model("QSO", SIZES["QSO"], seed=1)}
    with pytest.raises(ModelError, match="other eigenspectra than those of toy-qso"):
        read_merged(path, others)
    with pytest.raises(ModelError, match="of these classes: encoders"):
        read_merged(path, {cls: models[cls] for cls in ("STAR", "GALAXY")})
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not weights of a merged Encoder"):
        read_merged(path, models)


def test_an_earlier_network_gives_what_fits_but_its_eigenspectra(models, network, tmp_path):
    path = tmp_path / "merged.safetensors"
    write_merged(network, path)
    later = models | {"QSO": toy_model("QSO", SIZES["QSO"] + 2, seed=1)}
    fresh = MergedEncoder(later)
    begun = fresh.encoder("QSO").head[2].weight.clone()
    start_from(fresh, path)
    assert all(map(torch.equal, fresh.trunk.parameters(), network.trunk.parameters()))
    star, was = fresh.encoder("STAR").head, network.encoder("STAR").head
    assert all(map(torch.equal, star.parameters(), was.parameters()))
    assert torch.equal(fresh.encoder("QSO").head[2].weight, begun)
    assert torch.equal(fresh.encoder("QSO").eigenspectra, later["QSO"].eigenspectra)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="not weights of a merged Encoder"):
        start_from(fresh, path)


def test_networks_that_cannot_share_are_refused(models):
    star = models["STAR"]
    with pytest.raises(ModelError, match="cannot share a trunk"):
        MergedEncoder(models | {"STAR": Model(replace(star.card, degree=2), star.network)})
    unet = Model(star.card, UNet(star.card.n, star.card.rest.n, width=4))
    with pytest.raises(ModelError, match="no eigenspectra to merge"):
        MergedEncoder(models | {"STAR": unet})


@pytest.mark.parametrize(("others", "half"), [(0.0, False), (1.0, True)])
def test_training_lowers_the_loss_and_leaves_the_eigenspectra(models, tmp_path, others, half):
    for seed, (cls, model) in enumerate(models.items()):
        z = np.random.default_rng(seed).uniform(*Z_RANGE[cls], 16)
        for which in ("train", "valid"):
            write_npz(tmp_path / f"{cls}-{which}.npz", toy_spectra(model, z, seed=seed))
    settings = Settings(epochs=4, batch_size=16, others=others, half=half)
    weights = train_merged(models, tmp_path, tmp_path / "out", settings)
    history = torch.load(tmp_path / "out/merged.checkpoint.pt", weights_only=True)["history"]
    assert history[-1]["loss"] < history[0]["loss"]
    read_merged(weights, models)  # refuses eigenspectra that have moved
    written = weights.read_bytes()
    again = train_merged(models, tmp_path, tmp_path / "out", settings, resume=True)
    assert again.read_bytes() == written
    with pytest.raises(ValueError, match="of other settings"):
        train_merged(models, tmp_path, tmp_path / "out", replace(settings, seed=2), resume=True)


def test_rows_of_the_sets_are_counted_end_to_end(models, tmp_path):
    for n, (cls, model) in enumerate(models.items(), start=1):
        write_npz(tmp_path / f"{cls}-train.npz", toy_spectra(model, np.full(n, 0.001)))
    split = load_sets(models, tmp_path, "train").split(torch.tensor([5, 0, 3]))
    assert {cls: rows.tolist() for cls, rows in split.items()} == {"STAR": [0], "QSO": [2, 0]}


@pytest.fixture
def contenders(models, network):
    engines = tuple(Engine(model) for model in models.values())
    cpu = torch.device("cpu")
    pipelines = {name: Pipeline(engines, SOLVERS[name], cpu) for name in comparison.SOLVERS}
    like = comparison.Contender("separate", pipelines, lambda: None)
    return [like, comparison.merged("merged", network, models, like)]


@pytest.fixture
def truth(spectra):
    subclass = [""] * len(spectra)
    columns = {"id": spectra.ids, "class": spectra.classes, "subclass": subclass, "z": spectra.z}
    return comparison.Truth(Table(columns))


def test_the_heads_matter_to_the_amortised_solver_only(contenders, spectra, truth):
    got = {
        solver: [comparison.score(c, solver, spectra, truth) for c in contenders]
        for solver in comparison.SOLVERS
    }
    assert all(score.good.all() for score in got["hybrid"])
    assert not any(score.good.all() for score in got["amortised"])


def test_the_page_tells_every_number_and_the_verdict(contenders, spectra, truth):
    scores = {
        solver: [comparison.score(c, solver, spectra, truth) for c in contenders]
        for solver in comparison.SOLVERS
    }
    least = comparison.times(contenders, spectra, 1)
    assert all(0 < t.network < t.pipeline for t in least)
    account = {
        "models": {"toy-star": "0123456789abcdef"},
        "settings": {"epochs": 3, "others": 0.0, "half": False, "start": ""},
        "n_train": dict.fromkeys(CLASSES, 10),
        "n_valid": dict.fromkeys(CLASSES, 5),
        "valid_loss": {"STAR": 1.25, "GALAXY": 2.5, "QSO": 3.75},
        "valid_loss_separate": {"STAR": 1.5, "GALAXY": 2.75, "QSO": 4.0},
        "history": [{"seconds": 60.0}] * 3,
    }
    text = page(["separate", "merged"], scores, least, [account], "$ command")
    assert "toy-star (01234567)" in text
    assert "| STAR, 5 | 1.50 | 1.25 |" in text
    assert "3 epochs of 30 spectra in 3 minutes" in text
    assert (
        f"| whole amortised pipeline | {least[0].pipeline:.2f} | {least[1].pipeline:.2f} |" in text
    )
    assert text.count("McNemar") == len(comparison.SOLVERS)


@pytest.mark.parametrize(
    ("milliseconds", "wins", "why"),
    [(1.0, True, "4.00 times, and it is behind in nothing"), (3.9, False, "less than the 1.1")],
)
def test_it_wins_when_faster_and_nowhere_behind(
    contenders, spectra, truth, milliseconds, wins, why
):
    score = comparison.score(contenders[0], "hybrid", spectra, truth)
    before, after = comparison.Times(2.0, 4.0), comparison.Times(1.0, milliseconds)
    won, words = comparison.verdict(score, score, before, after)
    assert won is wins
    assert why in words


def test_it_does_not_win_when_behind_in_a_class(contenders, spectra, truth):
    best = comparison.score(contenders[0], "hybrid", spectra, truth)
    worse = comparison.score(contenders[1], "amortised", spectra, truth)
    won, words = comparison.verdict(
        best, worse, comparison.Times(2.0, 4.0), comparison.Times(1.0, 1.0)
    )
    assert not won
    assert "behind in" in words
    assert "good redshifts of" in words


def test_pairs_count_where_only_one_is_right():
    one, other = np.array([1, 1, 1, 0, 0], bool), np.array([1, 0, 0, 1, 0], bool)
    assert comparison.paired(one, other) == (2, 1, 1.0)
    assert comparison.paired(one, one) == (0, 0, 1.0)
    assert comparison.paired(np.ones(8, bool), np.zeros(8, bool))[2] == pytest.approx(2 / 256)
