"""Training end to end on a toy population: it learns, resumes exactly, and refuses bad input."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gasnet3.io import write_npz
from gasnet3.nets.model import read_model
from gasnet3.spectra.lattice import WIDE
from gasnet3.train import ConfigError, read_config, run_training
from toy import toy_model, toy_spectra

CONFIG = """
name = "small"
cls = "GALAXY"
train = ["train.npz"]
valid = ["valid.npz"]
output = "out"
architecture = "{architecture}"
z_min = 0.0
z_max = 0.1
epochs = {epochs}
batch_size = 32
schedule = "{schedule}"
lr = 3e-3
options = {options}
"""
ENCODER = '{ m = 4, variant = "deep" }'
UNET = "{ width = 4, stem = 4 }"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    rng = np.random.default_rng(1)
    for name, n in (("train", 192), ("valid", 48)):
        spectra = toy_spectra(toy_model("GALAXY"), rng.uniform(0.01, 0.09, n), sn=20, seed=n)
        write_npz(folder / f"{name}.npz", spectra)
    return folder


def configure(data, epochs=4, architecture="encoder", schedule="onecycle", options=ENCODER):
    path = data / f"{architecture}-{schedule}-{epochs}.toml"
    values = {"epochs": epochs, "architecture": architecture, "options": options}
    text = CONFIG.format(**values, schedule=schedule).replace('"out"', f'"{path.stem}"')
    path.write_text(text)
    return path


def history(path):
    with path.open() as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "schedule", "options"),
    [("encoder", "onecycle", ENCODER), ("encoder", "step", "{ m = 4 }"), ("unet", "step", UNET)],
)
def test_training_lowers_the_loss_and_writes_a_full_card(data, architecture, schedule, options):
    config = read_config(configure(data, 4, architecture, schedule, options))
    card_path = run_training(config)
    rows = history(config.directory / "small.history.csv")
    assert len(rows) == 4
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"]
    model = read_model(card_path)
    assert model.card.training["n_train"] == 192
    assert model.card.metrics["valid_loss"] == min(row["valid_loss"] for row in rows)
    assert sum(model.card.population["z_count"]) == 192
    assert ("coeff" in model.card.population) == (architecture == "encoder")


def test_step_schedule_decays_from_lr_to_lr_final(data):
    config = read_config(configure(data, 4, schedule="step"))
    run_training(config)
    rates = [row["lr"] for row in history(config.directory / "small.history.csv")]
    assert rates[-1] == pytest.approx(1e-4)
    assert rates == sorted(rates, reverse=True)


class Killed(Exception):
    """Stands for a kill after an epoch."""


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["onecycle", "step"])
def test_a_killed_training_resumes_to_the_same_weights(data, schedule):
    path = configure(data, 5, schedule=schedule)
    whole = read_config(path)
    run_training(whole)

    def kill(row, epochs):
        if row["epoch"] == 2:
            raise Killed

    cut = data / f"cut-{schedule}.toml"
    cut.write_text(path.read_text().replace(path.stem, cut.stem))
    config = read_config(cut)
    with pytest.raises(Killed):
        run_training(config, on_epoch=kill)
    run_training(config, resume=True)
    straight = (whole.directory / "small.safetensors").read_bytes()
    assert (config.directory / "small.safetensors").read_bytes() == straight


def test_resuming_with_other_settings_is_refused(data):
    path = data / "changed.toml"
    path.write_text(configure(data, 1).read_text().replace("encoder-onecycle-1", "changed"))
    run_training(read_config(path))
    path.write_text(path.read_text().replace("epochs = 1", "epochs = 2"))
    with pytest.raises(ConfigError, match="the checkpoint is of other settings"):
        run_training(read_config(path), resume=True)


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(data):
    """Under torchrun the gradients are averaged: twice the ranks, half the batch, same steps."""
    path = configure(data, 2)
    halves = data / "halves.toml"
    text = path.read_text().replace(path.stem, "halves")
    halves.write_text(text.replace("batch_size = 32", "batch_size = 16"))
    script = (
        "import sys; from pathlib import Path; from gasnet3.train import read_config, run_training;"
        "run_training(read_config(Path(sys.argv[1])))"
    )
    program = data / "go.py"
    program.write_text(script)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(
        [*command, str(program), str(halves)], check=True, env=environment, capture_output=True
    )
    one, two = read_config(path), read_config(halves)
    run_training(one)
    a = [row["valid_loss"] for row in history(one.directory / "small.history.csv")]
    b = [row["valid_loss"] for row in history(two.directory / "small.history.csv")]
    np.testing.assert_allclose(a, b, rtol=2e-2)


def test_spectra_out_of_range_are_left_out_and_counted(data):
    path = configure(data, 1)
    path.write_text(path.read_text().replace("z_max = 0.1", "z_max = 0.05"))
    card = read_model(run_training(read_config(path))).card
    assert card.training["n_left_out"] > 0
    assert card.training["n_train"] + card.training["n_left_out"] == 192


def test_no_usable_spectra_raises(data):
    path = configure(data, 1)
    path.write_text(path.read_text().replace('"GALAXY"', '"QSO"'))
    with pytest.raises(ValueError, match="no usable QSO spectra"):
        run_training(read_config(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("epochs = 4", "epoch = 4"), "unknown key epoch"),
        (("epochs = 4", 'epochs = "4"'), "epochs must be of type int"),
        (('name = "small"', ""), "missing 1 required"),
        (('"onecycle"', '"twocycle"'), "schedule = 'twocycle'"),
        (('"GALAXY"', '"MOON"'), "cls = 'MOON'"),
        (("lr = 3e-3", "lr = 1e-9"), "lr_final <= lr"),
        (("epochs = 4", "epochs = 0"), "epochs must be 1 or more"),
        (("epochs = 4", "epochs ="), "not valid TOML"),
    ],
)
def test_bad_configurations_are_refused_with_the_file_and_the_key(data, change, message):
    path = configure(data)
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(ConfigError, match=message) as error:
        read_config(path)
    assert str(path) in str(error.value)


def test_a_missing_configuration_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot read it"):
        read_config(tmp_path / "none.toml")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_training_on_a_gpu(data):
    config = read_config(configure(data, 3))
    assert read_model(run_training(config, device="cuda")).card.metrics["valid_loss"] > 0


def test_windows_and_another_lattice_are_trained_on_and_resumed(data):
    more = "windows = 0.5\nk_min = 35500\nn = 4701\n"
    paths = []
    for name in ("whole", "killed"):
        path = data / f"windows-{name}.toml"
        text = configure(data, 3).read_text()
        path.write_text(f"{more}{text}".replace(f'"{configure(data, 3).stem}"', f'"{path.stem}"'))
        paths.append(path)

    def kill(row, epochs):
        if row["epoch"] == 2:
            raise Killed

    whole = read_model(run_training(read_config(paths[0])))
    with pytest.raises(Killed):
        run_training(read_config(paths[1]), on_epoch=kill)
    resumed = read_model(run_training(read_config(paths[1]), resume=True))
    assert whole.card.observed == resumed.card.observed == WIDE
    assert whole.card.training["windows"] == 0.5
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


@pytest.mark.parametrize(
    ("line", "message"),
    [("windows = 1.5", "windows must be from 0 to 1"), ("n = 20", "give a first pixel of 1")],
)
def test_lattices_and_windows_that_cannot_be_are_refused(data, line, message):
    path = data / "bad-lattice.toml"
    path.write_text(line + "\n" + configure(data, 2).read_text())
    with pytest.raises(ConfigError, match=message):
        read_config(path)
