import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gasnet3.nets import registry
from gasnet3.nets.card import ModelCard, ModelError
from gasnet3.nets.encoder import Encoder
from gasnet3.nets.model import build, read_model, save_model
from gasnet3.nets.registry import (
    directory_of,
    find_models,
    fit_directories,
    lattice_of,
    list_models,
    load_model,
    load_models,
    shipped_sets,
)
from gasnet3.nets.unet import UNet
from gasnet3.pipeline.request import Request
from gasnet3.spectra.lattice import OBSERVED, ShiftRange
from toy import save_toys, toy_model

N, N_REST = OBSERVED.n, ShiftRange.from_z(0, 0.1).rest_lattice(OBSERVED).n


@pytest.fixture
def flux(rng):
    return torch.from_numpy(rng.normal(size=(3, N))).float()


@pytest.mark.parametrize("variant", ["paper", "deep"])
def test_encoder_reconstruction_is_eq_5(variant, flux):
    net = Encoder(N, N_REST, 7, variant)
    out = net(flux, torch.ones_like(flux))
    assert out.flux.shape == (3, N_REST)
    expected = out.amplitude[:, None] * out.coeff @ net.eigenspectra
    torch.testing.assert_close(out.flux, expected, atol=1e-6, rtol=1e-4)


def test_paper_coefficients_are_a_convex_mix(flux):
    coeff = Encoder(N, N_REST, 10)(flux, torch.ones_like(flux)).coeff
    assert (coeff >= 0).all()
    torch.testing.assert_close(coeff.sum(dim=1), torch.ones(3))


def test_deep_coefficients_have_either_sign_and_unit_length(flux):
    coeff = Encoder(N, N_REST, 10, "deep")(flux, torch.ones_like(flux)).coeff
    assert (coeff < 0).any()
    torch.testing.assert_close((coeff**2).sum(dim=1), torch.ones(3))


def test_pixels_of_pure_noise_say_nothing_to_the_deep_encoder(flux):
    net = Encoder(N, N_REST, 5, "deep")
    ivar = torch.ones_like(flux)
    ivar[:, 100] = 1e-12
    spoiled = flux.clone()
    spoiled[:, 100] = 1e4
    torch.testing.assert_close(net(flux, ivar).flux, net(spoiled, ivar).flux, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("stem", [1, 4])
def test_unet_gives_the_whole_rest_frame(stem, flux):
    out = UNet(N, N_REST, width=4, stem=stem)(flux, torch.ones_like(flux))
    assert out.flux.shape == (3, N_REST)
    assert out.coeff.shape == (3, 0)


def test_unet_flip_reverses_the_input(flux):
    torch.manual_seed(0)
    plain = UNet(N, N_REST, width=4, stem=4)
    flipped = UNet(N, N_REST, width=4, stem=4, flip=True)
    flipped.load_state_dict(plain.state_dict())
    ivar = torch.ones_like(flux)
    torch.testing.assert_close(flipped(flux, ivar).flux, plain(flux.flip(1), ivar).flux)


def test_rest_lattice_length_is_eq_6():
    card = ModelCard("x", "QSO", "encoder", {}, 0.0, 5.0, 5)
    assert card.rest.n == N + int(np.ceil(np.log10(6) / 1e-4))


def test_card_and_weights_survive_a_round_trip(tmp_path, flux):
    model = toy_model("STAR")
    back = read_model(save_model(model.network, model.card, tmp_path))
    assert back.card == replace(model.card, sha256=back.card.sha256)
    ivar = torch.ones_like(flux)
    assert torch.equal(back.reconstruct(flux, ivar).flux, model.reconstruct(flux, ivar).flux)


def spoil_card(path, **entries):
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | entries))


def test_damaged_models_are_refused_with_a_reason(tmp_path):
    model = toy_model("STAR")
    path = save_model(model.network, model.card, tmp_path)
    weights = path.with_suffix(".safetensors")
    good = weights.read_bytes()
    weights.write_bytes(good[:-4] + b"\0\0\0\1")
    with pytest.raises(ModelError, match="sha256"):
        read_model(path)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot read the weights"):
        read_model(path)
    weights.write_bytes(good)
    spoil_card(path, options={"m": 5})
    with pytest.raises(ModelError, match="do not fit"):
        read_model(path)
    spoil_card(path, colour="blue")
    with pytest.raises(ModelError, match="unknown entries colour"):
        read_model(path)
    path.write_text("{")
    with pytest.raises(ModelError, match="not valid JSON"):
        read_model(path)


def test_unknown_names_list_what_there_is():
    with pytest.raises(ModelError, match="no model 'encoder-dwarf': the shipped ones are"):
        load_model("encoder-dwarf")


def test_a_directory_gives_one_model_a_class(tmp_path):
    save_toys(tmp_path, ["QSO", "STAR"])
    assert [info.name for info in list_models(tmp_path)] == ["toy-qso", "toy-star"]
    assert list(load_models(tmp_path)) == ["STAR", "QSO"]
    assert load_model(tmp_path / "toy-qso.json").card.cls == "QSO"


def test_a_shipped_set_takes_what_it_lacks_from_the_default_one(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "SHIPPED", tmp_path)
    monkeypatch.chdir(tmp_path)
    save_toys(tmp_path)
    assert shipped_sets() == []
    (tmp_path / "confidence").mkdir()
    (tmp_path / "confidence" / "fit.json").touch()
    model = toy_model("GALAXY", seed=1)
    save_model(model.network, replace(model.card, name="far-galaxy"), tmp_path / "far")
    assert shipped_sets() == ["far"]
    names = [info.name for info in find_models("far").values()]
    assert names == ["toy-star", "far-galaxy", "toy-qso"]
    assert [info.name for info in list_models(tmp_path)] == ["toy-galaxy", "toy-qso", "toy-star"]
    assert load_models("far")["GALAXY"].card.name == "far-galaxy"
    assert lattice_of("far") == OBSERVED
    assert fit_directories("far", tmp_path / "confidence")[1] == tmp_path / "far" / "confidence"
    assert directory_of("far") == tmp_path / "far"
    assert directory_of("encoder") == directory_of("toy-star") == tmp_path
    assert directory_of("./far") == Path("./far")
    assert Request("far").absolute().models == "far", "not the directory of that name"


def test_two_models_of_a_class_are_refused(tmp_path):
    model = toy_model("STAR")
    paths = [
        save_model(model.network, replace(model.card, name=name), tmp_path) for name in ("a", "b")
    ]
    with pytest.raises(ModelError, match="two models for class STAR"):
        load_models(paths)


def test_an_empty_directory_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no models in"):
        load_models(tmp_path)


def test_networks_with_an_unknown_architecture_or_variant_are_refused():
    with pytest.raises(ModelError, match="unknown architecture"):
        build(ModelCard("x", "QSO", "transformer", {}, 0.0, 5.0, 5))
    with pytest.raises(ValueError, match="unknown Encoder variant"):
        Encoder(N, N_REST, 5, "wide")
