"""A model trained anew under its old name was once not read again in the same session."""

import os

import torch

from gasnet3.nets.model import save_model
from gasnet3.nets.registry import load_model
from toy import toy_model


def test_a_model_written_anew_is_read_anew(tmp_path):
    first, second = toy_model("STAR", seed=0), toy_model("STAR", seed=1)
    path = save_model(first.network, first.card, tmp_path)
    before = load_model(path)
    assert load_model(path) is before
    save_model(second.network, second.card, tmp_path)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))  # a coarse clock may see one moment
    assert torch.equal(load_model(path).network.eigenspectra, second.network.eigenspectra)
