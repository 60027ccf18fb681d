"""Mock spectra of any number: drawn in blocks, written as shards."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import gasnet3
from gasnet3 import Spectra, io
from gasnet3.io.stores.manifest import verify
from gasnet3.nets.card import ModelError
from gasnet3.train import mock
from toy import save_toys, toy_model
from warm import run


@pytest.fixture(scope="module")
def models():
    return {cls: toy_model(cls) for cls in gasnet3.CLASSES}


def drawn(models, n, **options):
    return Spectra.concatenate(list(mock.draw_blocks(models, n, **options)))


def test_a_block_is_what_one_draw_gives(models):
    one, other = drawn(models, 5, seed=3, sn=30.0), mock.draw(models, 5, seed=3, sn=30.0)
    assert one.flux.tobytes() == other.flux.tobytes()
    assert one.ids.tolist() == other.ids.tolist()


def test_longer_runs_begin_as_shorter_ones(models, monkeypatch):
    monkeypatch.setattr(mock, "BLOCK_ROWS", 4)
    long = drawn(models, 11, seed=3)
    assert len(long) == 11
    assert long.ids.tolist() == [f"mock-3-{number:06d}" for number in range(11)]
    assert long.classes.tolist() == ([*gasnet3.CLASSES] * 4)[:11]
    assert len(np.unique(long.z)) == 11
    for n in (5, 8, 9):
        assert drawn(models, n, seed=3).flux.tobytes() == long[:n].flux.tobytes()
    assert drawn(models, 11, seed=4).flux.tobytes() != long.flux.tobytes()
    with pytest.raises(ModelError, match="no model for class MOON"):
        drawn(models, 11, classes=["MOON"])


def test_the_command_writes_shards_with_their_truth(tmp_path):
    save_toys(tmp_path / "models")
    names = {"shards": tmp_path / "shards", "spec": tmp_path / "spec"}
    for kind, path in names.items():
        arguments = ["-n", "7", "--models", tmp_path / "models", "--format", kind, "-o", path]
        run("mock", *arguments)
    (names["shards"] / "truth.csv").rename(tmp_path / "truth.csv")
    _, err = run("mock", "--format", "shards", "-o", names["shards"], status=2)
    assert "manifest.json: exists already" in err
    lattice = toy_model("STAR").card.observed
    shards, specs = (io.read(names[kind], lattice=lattice) for kind in ("shards", "spec"))
    assert verify(names["shards"]) == []
    assert shards.ids.tolist() == specs.ids.tolist()
    assert shards.flux.tobytes() == specs.flux.tobytes()
    with (tmp_path / "truth.csv").open() as lines:
        truth = list(csv.DictReader(lines))
    assert [row["id"] for row in truth] == shards.ids.tolist()
    assert [float(row["z"]) for row in truth] == pytest.approx(shards.z.tolist(), abs=1e-12)
    assert {row["file"] for row in truth} == {"shard-000000.arrow"}
