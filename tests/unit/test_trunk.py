"""The trunk: coefficients of all Encoders by one network, found beside them and trained so."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from gasnet3 import CLASSES
from gasnet3.cli import app
from gasnet3.decide.confidence import Confidence, find_confidence
from gasnet3.io import write_npz
from gasnet3.nets.card import ModelError, TrunkCard, read_card, read_trunk_card
from gasnet3.nets.registry import find_trunk, list_models, load_models, load_trunk
from gasnet3.nets.trunk import Trunk, TrunkModel, read_trunk, save_trunk
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.fitted import fingerprint, weights_of
from gasnet3.pipeline.loading import look_up
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.pipeline.request import Request
from gasnet3.solve.engine import Engine
from gasnet3.solve.prepare import prepare
from gasnet3.spectra.batch import Spectra
from gasnet3.train.calibrate import uncalibrated, write_confidence, write_errors
from gasnet3.train.config import ConfigError
from gasnet3.train.taught import TrunkConfig
from gasnet3.train.trunk import train_trunk
from toy import Z_RANGE, save_toys, toy_model, toy_spectra

WIDTHS = (3, 4, 5, 6, 7)


def trunk_for(models, seed=1):
    cards = {cls: model.card for cls, model in models.items()}
    card = next(iter(cards.values()))
    m = {cls: len(model.eigenspectra) for cls, model in models.items()}
    torch.manual_seed(seed)
    network = Trunk(card.n, m, WIDTHS).eval().requires_grad_(False)
    options = {"m": m, "widths": list(WIDTHS)}
    hashes = {cls: card.sha256 for cls, card in cards.items()}
    return TrunkModel(TrunkCard(hashes, options, card.degree, card.k_min, card.n), network)


@pytest.fixture
def directory(tmp_path):
    """Toy Encoders with a trunk beside them."""
    save_toys(tmp_path)
    trunk = trunk_for(load_models(tmp_path))
    save_trunk(trunk.network, trunk.card, tmp_path / "trunk.json")
    return tmp_path


@pytest.fixture
def spectra():
    each = [toy_spectra(toy_model(cls), np.full(3, 0.5 * Z_RANGE[cls][1])) for cls in CLASSES]
    together = Spectra.concatenate(each)
    return replace(together, ids=np.array([f"row-{i}" for i in range(len(together))]))


def test_it_gives_the_coefficients_of_each_class_in_the_order_of_the_classes():
    network = Trunk(4076, {"QSO": 2, "STAR": 3}, WIDTHS).eval()
    flux = torch.randn(5, 4076)
    found = network(flux, torch.ones_like(flux))
    assert [some.shape for some in found] == [(5, 3), (5, 2)]
    masked = network(flux * 3.0, torch.zeros_like(flux))
    assert torch.equal(masked[0][0], masked[0][1])


def test_it_comes_back_as_it_was_saved_and_damage_is_told(directory):
    trunk = trunk_for(load_models(directory))
    flux = torch.randn(2, trunk.card.n)
    back = read_trunk(directory / "trunk.json")
    theirs, ours = (t.coefficients(flux, torch.ones_like(flux)) for t in (trunk, back))
    assert all(map(torch.equal, theirs, ours))
    content = json.loads((directory / "trunk.json").read_text())
    content["options"]["widths"] = [1, 2, 3, 4, 5]
    (directory / "trunk.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"trunk\.safetensors: weights do not fit the card"):
        read_trunk(directory / "trunk.json")
    (directory / "trunk.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="differs from the card's sha256"):
        look_up(Request(directory, "amortised"))


def test_it_serves_the_models_it_was_made_for_only(directory):
    assert find_trunk(directory).path == directory.resolve() / "trunk.json"
    assert [info.name for info in list_models(directory)] == ["toy-galaxy", "toy-qso", "toy-star"]
    assert find_trunk([directory / "toy-star.json"]) is not None
    path = directory / "toy-star.json"
    card = read_card(path)
    path.write_text(path.read_text().replace(card.sha256, "0" * 64))
    assert find_trunk(directory) is None
    assert load_trunk(directory) is None
    assert find_trunk([directory / "toy-qso.json"]) is not None


def test_the_amortised_solver_takes_its_coefficients(directory, spectra):
    pipeline = Pipeline.load(directory, "amortised")
    prepared = prepare(spectra)
    wanted = load_trunk(directory).coefficients(prepared.flux, prepared.ivar)
    for engine, coeff in zip(pipeline.engines, wanted, strict=True):
        rest, got = engine.reconstruct(prepared)
        torch.testing.assert_close(got, coeff)
        torch.testing.assert_close(rest, coeff @ engine.eigenspectra)
    assert pipeline.provenance["models"]["trunk"] == pipeline.trunk.sha256
    exact = Pipeline.load(directory, "hybrid")
    assert exact.trunk is None
    assert list(exact.provenance["models"]) == ["toy-star", "toy-galaxy", "toy-qso"]


def test_it_runs_once_a_batch_and_not_again_for_each_class(directory, spectra, monkeypatch):
    calls = []
    once = TrunkModel.coefficients

    def counted(self, flux, ivar):
        calls.append(len(flux))
        return once(self, flux, ivar)

    monkeypatch.setattr(TrunkModel, "coefficients", counted)
    Pipeline.load(directory, "amortised").run(spectra)
    assert len(calls) == 1


def test_answers_do_not_depend_on_the_batch(directory, spectra):
    pipeline = Pipeline.load(directory, "amortised")
    whole = pipeline.run(spectra)
    for row in range(len(spectra)):
        alone = pipeline.run(spectra[row : row + 1])
        for name in whole.colnames:
            np.testing.assert_array_equal(alone[name][0], whole[name][row], err_msg=name)


def test_a_part_of_the_redshifts_and_a_lower_resolution_see_the_same_coefficients(
    directory, spectra
):
    prepared = prepare(spectra)
    plain = Pipeline.load(directory, "amortised").engines[1]
    narrow = Pipeline.load(
        directory, "amortised", choices=Choices.parse(z_ranges=["GALAXY=0.02:0.05"])
    ).engines[1]
    broad = plain.broadened(3.0)
    for engine in (narrow, broad):
        rest, coeff = engine.reconstruct(prepared)
        assert torch.equal(coeff, plain.reconstruct(prepared)[1])
        assert rest.shape == (len(spectra), engine.card.rest.n)
        torch.testing.assert_close(rest, coeff @ engine.eigenspectra)


def test_fits_and_errors_belong_to_it(directory):
    pipelines = {kind: Pipeline.load(directory, kind) for kind in ("amortised", "exact")}
    weights = {kind: pipeline.weights for kind, pipeline in pipelines.items()}
    assert set(weights["amortised"]) == {*CLASSES, "trunk"}
    assert set(weights["exact"]) == set(CLASSES)
    path = directory / "confidence" / "fit.json"
    fit = Confidence(np.ones((3, 2)), np.ones(2))
    write_confidence(path, weights, {"exact": fit}, {"n": 1})
    write_confidence(path, weights, {"amortised": fit}, {"n": 2})
    for kind, solver in (("amortised", "amortised"), ("exact", "hybrid")):
        assert find_confidence(weights[kind], solver, [path.parent]) is not None
    without = {cls: sha for cls, sha in weights["amortised"].items() if cls != "trunk"}
    assert find_confidence(without, "amortised", [path.parent]) is None
    errors = {
        "amortised": {"STAR": {"scale": 1.5, "floor": 0.0}},
        "exact": {"STAR": {"scale": 2.0, "floor": 0.0}},
    }
    write_errors(directory, weights, errors)
    assert read_trunk_card(directory / "trunk.json").calibration == errors["amortised"]
    assert read_card(directory / "toy-star.json").calibration == {
        "z_err": {"exact": {"scale": 2.0, "floor": 0.0}}
    }
    again = Pipeline.load(directory, "amortised")
    assert again.engines[0].errors("amortised") == {"scale": 1.5, "floor": 0.0}
    assert uncalibrated(again).engines[0].errors("amortised") == {}
    assert uncalibrated(again).weights == again.weights


def test_answers_of_another_trunk_are_not_taken_for_the_same(directory):
    before = fingerprint(look_up(Request(directory, "amortised")))
    other = trunk_for(load_models(directory), seed=2)
    save_trunk(other.network, other.card, directory / "trunk.json")
    after = fingerprint(look_up(Request(directory, "amortised")))
    assert {name for name in after if before[name] != after[name]} == {"trunk", "card trunk"}
    assert "trunk" not in fingerprint(look_up(Request(directory, "hybrid")))


def test_a_copy_on_another_device_leaves_the_first_where_it_is(directory):
    trunk = load_trunk(directory)
    moved = trunk.to("meta")
    assert {p.device.type for p in moved.network.parameters()} == {"meta"}
    assert {p.device.type for p in trunk.network.parameters()} == {"cpu"}


def test_it_is_listed(directory):
    done = CliRunner().invoke(app, ["models", str(directory)], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "STAR, GALAXY, QSO" in done.stdout


def write_sets(directory):
    for seed, cls in enumerate(CLASSES):
        z = np.random.default_rng(seed).uniform(*Z_RANGE[cls], 16)
        for which in ("train", "valid"):
            write_npz(directory / f"{cls}-{which}.npz", toy_spectra(toy_model(cls), z, seed=seed))


def config_of(directory, **changes):
    chosen = {
        "train": ["*-train.npz"], "valid": ["*-valid.npz"], "models": "models", "output": "out",
        "widths": list(WIDTHS), "epochs": 4, "batch_size": 16, "base": directory,
    }  # fmt: skip
    return TrunkConfig(**chosen | changes)


@pytest.mark.parametrize(("half", "windows"), [(False, 0.5), (True, 0.0)])
def test_training_lowers_the_loss_and_goes_on_where_it_was_killed(tmp_path, half, windows):
    save_toys(tmp_path / "models")
    write_sets(tmp_path)
    rows, config = [], config_of(tmp_path, half=half, windows=windows)
    path = train_trunk(config, on_epoch=lambda row, epochs: rows.append(row))
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    card = read_trunk_card(path)
    assert card.serves(info.card for info in list_models(tmp_path / "models"))
    assert card.metrics["n"] == dict.fromkeys(CLASSES, 16)
    written = path.with_suffix(".safetensors").read_bytes()

    class Killed(Exception):
        pass

    def kill(row, epochs):
        if row["epoch"] == 2:
            raise Killed

    twice = config_of(tmp_path, half=half, windows=windows, output="twice")
    with pytest.raises(Killed):
        train_trunk(twice, on_epoch=kill)
    again = train_trunk(twice, resume=True)
    assert again.with_suffix(".safetensors").read_bytes() == written
    with pytest.raises(ConfigError, match="of other settings"):
        train_trunk(replace(twice, seed=2), resume=True)


def test_heads_learn_what_the_encoders_make_of_other_classes(tmp_path):
    save_toys(tmp_path / "models")
    write_sets(tmp_path)
    models = load_models(tmp_path / "models")
    prepared = prepare(toy_spectra(toy_model("QSO"), np.full(4, 0.1), seed=2))
    wanted = Engine(models["STAR"]).reconstruct(prepared)[0]
    apart = []
    for others in (0.0, 3.0):
        path = train_trunk(config_of(tmp_path, epochs=12, others=others, output=str(others)))
        engine = Engine(models["STAR"], trunk=read_trunk(path))
        apart.append(float(((engine.reconstruct(prepared)[0] - wanted) ** 2).mean()))
    assert apart[1] < 0.5 * apart[0]


def test_the_command_trains_one_and_says_what_is_wrong(tmp_path):
    save_toys(tmp_path / "models")
    write_sets(tmp_path)
    config = tmp_path / "trunk.toml"
    text = (
        'architecture = "trunk"\nmodels = "models"\ntrain = ["*-train.npz"]\n'
        'valid = ["*-valid.npz"]\nepochs = 1\nwidths = [3, 4, 5, 6, 7]\n'
    )
    config.write_text(text)
    done = CliRunner().invoke(app, ["train", str(config), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "models" / "trunk.history.png").exists()
    assert find_trunk(tmp_path / "models") is not None
    for more, told in (
        ("half = 1\n", "half must be of type bool"),
        ("others = -1.0\n", "others must be 0 or more"),
        ("windows = 2.0\n", "windows must be from 0 to 1"),
        ("epochs_ = 2\n", "unknown key epochs_"),
        ("lr = 1e-6\n", "need 0 < lr_final <= lr"),
        ("batch_size = 0\n", "batch_size must be 1 or more"),
    ):
        config.write_text(text + more)
        done = CliRunner().invoke(app, ["train", str(config)])
        assert done.exit_code == 2
        assert told in done.stderr
    config.write_text(text.replace("[3, 4, 5, 6, 7]", "[3]"))
    assert "give 5 numbers" in CliRunner().invoke(app, ["train", str(config)]).stderr


def test_weights_are_named_by_class_and_trunk():
    cards = [toy_model("STAR").card]
    assert weights_of(cards, None) == {"STAR": cards[0].sha256}
