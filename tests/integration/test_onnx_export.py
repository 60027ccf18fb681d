"""Networks exported to ONNX: written, checked, and classifying where there is no torch."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from gasnet3 import load_classifier, load_models, samples
from gasnet3.catalog import read_catalog
from gasnet3.cli import app
from gasnet3.io import read
from gasnet3.nets.card import ModelError, read_card, read_trunk_card
from gasnet3.nets.model import Model
from gasnet3.nets.unet import UNet
from gasnet3.onnx import export as exporting
from gasnet3.onnx.export import ExportError, export
from gasnet3.onnx.runtime import OnnxModel, use_threads
from gasnet3.pipeline.choices import Choices
from gasnet3.pipeline.request import Request
from gasnet3.spectra.batch import Spectra
from toy import save_toys, toy_model, toy_spectra

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "src" / "gasnet3" / "models"
LIMITS = {"z": 1e-7, "p_star": 1e-4, "p_galaxy": 1e-4, "p_qso": 1e-4, "p_z": 1e-4}
SAME = ("id", "class", "zwarn", "notes", "dof", "n_good", "model", "anomaly_kind")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    use_threads(1)
    yield
    use_threads(0)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped Encoders as the command exports them."""
    directory = tmp_path_factory.mktemp("onnx") / "exported"
    done = CliRunner().invoke(app, ["export", "-o", str(directory)])
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert re.search(r"trunk +STAR, GALAXY, QSO +[\d.]+ MB +\d", done.stdout)
    return directory


def agrees(ours: Table, theirs: Table) -> None:
    """Fail unless two catalogs are the same within what the page on ONNX says."""
    assert ours.colnames == theirs.colnames
    for name in SAME:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for name, limit in LIMITS.items():
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=limit, err_msg=name)
    for name in ("chi2", "rchi2", "z_err", "chi2_star", "chi2_galaxy", "chi2_qso"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, err_msg=name)
    for name in ("anomaly_score", "coeff"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=1e-3, err_msg=name)
    known = np.isfinite(theirs["z_err"])
    assert (np.abs(ours["z"] - theirs["z"])[known] < 1e-3 * theirs["z_err"][known]).all()


def with_odd_ones(spectra: Spectra) -> Spectra:
    """Beside them: nothing, half of one, a straight line, noise alone, absurd numbers."""
    rng = np.random.default_rng(3)
    some = spectra[[0, 1, 2, 5, 7]]
    flux, ivar = some.flux.astype(np.float64), some.ivar.astype(np.float64)
    ivar[0] = 0.0
    ivar[1, : ivar.shape[1] // 2] = 0.0
    flux[2] = 1.0
    flux[3] = rng.standard_normal(flux.shape[1]) / np.sqrt(np.maximum(ivar[3], 1e-6))
    flux[4], ivar[4] = flux[4] * 1e12, ivar[4] * 1e-20
    odd = Spectra.from_arrays(
        flux, ivar, loglam=some.lattice.loglam, ids=[f"odd-{i}" for i in range(5)]
    )
    bare = Spectra.from_arrays(
        spectra.flux, spectra.ivar, loglam=some.lattice.loglam, ids=spectra.ids.tolist()
    )
    return Spectra.concatenate([bare, odd])


def test_the_directory_holds_the_trunk_cards_eigenspectra_and_fits(exported):
    names = {str(path.relative_to(exported)) for path in exported.rglob("*") if path.is_file()}
    of_one = (".json", ".eigenspectra.safetensors")
    assert names == {"confidence/fit.json", "anomaly/fit.json", "trunk.onnx", "trunk.json"} | {
        f"encoder-{cls}{ending}" for cls in ("star", "galaxy", "qso") for ending in of_one
    }
    assert list(exported.parent.iterdir()) == [exported]
    import onnx

    proto = onnx.load(exported / "trunk.onnx")
    original = read_trunk_card(SHIPPED / "trunk.json")
    told = {entry.key: entry.value for entry in proto.metadata_props}
    assert told["weights"] == original.sha256
    assert [(i.domain, i.version) for i in proto.opset_import] == [("", exporting.OPSET)]
    assert str(ROOT).encode() not in (exported / "trunk.onnx").read_bytes()
    card = read_trunk_card(exported / "trunk.json")
    origin = card.training["exported"]
    assert origin["weights"] == original.sha256
    assert 0 < origin["difference"] < exporting.LARGEST
    encoder = read_card(exported / "encoder-qso.json")
    assert card.models["QSO"] == encoder.sha256
    assert encoder.training["exported"]["weights"] == read_card(SHIPPED / "encoder-qso.json").sha256


def test_encoders_without_a_trunk_are_exported_each_with_its_network(tmp_path):
    toys = save_toys(tmp_path / "toys")
    out = tmp_path / "out"
    assert [one.name for one in export(toys, out)] == ["toy-star", "toy-galaxy", "toy-qso"]
    assert {path.suffix for path in out.iterdir()} == {".onnx", ".json", ".safetensors"}
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.02, 0.05, 0.08]))
    ours, theirs = (load_classifier(models, "amortised").run(spectra) for models in (out, toys))
    agrees(ours, theirs)
    (out / "toy-qso.onnx").unlink()
    with pytest.raises(ModelError, match="differs from the card's sha256"):
        load_classifier(out, "amortised")


def test_the_answers_are_those_of_torch(exported):
    spectra = with_odd_ones(read(samples.DIRECTORY))
    ours = load_classifier(exported, "amortised")
    theirs = load_classifier("encoder", "amortised")
    agrees(ours.run(spectra, 2), theirs.run(spectra, 2))
    assert ours.provenance["onnxruntime"]
    assert "torch" not in ours.provenance


def test_the_answers_are_those_of_torch_for_real_spectra(exported, shared_dir):
    spectra = read(shared_dir / "data" / "spectra.npz")[::11]
    ours, theirs = (load_classifier(m, "amortised").run(spectra) for m in (exported, "encoder"))
    agrees(ours, theirs)


def test_answers_are_the_same_to_the_bit_whatever_the_batch(exported):
    classifier = load_classifier(exported, "amortised")
    spectra = with_odd_ones(read(samples.DIRECTORY))
    whole = classifier.run(spectra)
    parts = [classifier.run(spectra[cut]) for cut in (slice(0, 1), slice(1, 9), slice(9, None))]
    for name in whole.colnames:
        joined = np.concatenate([np.asarray(part[name]) for part in parts])
        np.testing.assert_array_equal(joined, whole[name], err_msg=name)
    assert classifier.run(spectra[:0]).colnames == whole.colnames


def test_choices_and_priors_are_those_of_torch(exported, tmp_path):
    table = tmp_path / "priors.csv"
    table.write_text("id,z,sigma\nmock-7-000004,0.3,0.001\nmock-7-000007,0.5995,0.01\n")
    numbers = tmp_path / "nz.csv"
    numbers.write_text("z,galaxy\n0,1\n0.4,3\n0.8,0\n")
    choices = Choices.parse(["GALAXY,QSO"], ["GALAXY=0.05:0.7"], table, nz=numbers)
    spectra = read(samples.DIRECTORY)
    ours, theirs = (
        load_classifier(models, "amortised", choices=choices).run(spectra)
        for models in (exported, "encoder")
    )
    agrees(ours, theirs)
    assert abs(ours["z"][4] - 0.3) < 0.02
    assert "STAR" not in ours["class"]
    with pytest.raises(ValueError, match=r"GALAXY from z = 0 to 9: .* give a range within it"):
        load_classifier(exported, "amortised", choices=Choices.parse(z_ranges=["GALAXY=0:9"]))


def test_a_unet_is_exported_for_any_number_of_rows(tmp_path):
    import torch

    card = toy_model("STAR").card
    torch.manual_seed(1)
    network = UNet(card.n, card.rest.n, width=4, stem=8, flip=True).eval().requires_grad_(False)
    options = {"width": 4, "stem": 8, "flip": True}
    model = Model(
        type(card)("tiny", "STAR", "unet", options, card.z_min, card.z_max, card.degree), network
    )
    done, sha256 = exporting._export_one(model, tmp_path)
    assert done.relative < 1e-5
    found = OnnxModel.read(tmp_path / "tiny.json")
    assert found.eigenspectra is None
    assert found.card.sha256 == sha256
    assert not (tmp_path / "tiny.eigenspectra.safetensors").exists()
    rest, coeff, _ = found.reconstruct(*np.ones((2, 3, card.n), np.float32))
    assert rest.shape == (3, card.rest.n)
    assert coeff.shape == (3, 0)


def test_a_network_that_differs_from_torch_is_refused_and_nothing_left(
    exported, tmp_path, monkeypatch
):
    wrong = (exported / "trunk.onnx").read_bytes()
    monkeypatch.setattr(exporting, "onnx_bytes", lambda *given: wrong)
    monkeypatch.setattr(exporting, "LARGEST", 0.0)
    with pytest.raises(ExportError, match=r"differs from torch by .* nothing is written"):
        export(["encoder-star"], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_nothing(exported, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for given, what in (
        (["-o", str(tmp_path)], "there is something already"),
        (["-o", str(tmp_path / "x"), "--models", str(exported)], "are exported already"),
        (["-o", str(tmp_path / "no" / "x")], "there is no directory"),
        (["-o", str(tmp_path / "x"), "--models", "bogus"], "no model 'bogus'"),
    ):
        done = CliRunner().invoke(app, ["export", *given])
        assert done.exit_code == 2
        assert what in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (lambda d: (d / "trunk.onnx").write_bytes(b"x"), "differs from the card's sha256"),
        (lambda d: (d / "trunk.json").unlink(), "the trunk that was exported with these models is"),
        (lambda d: (d / "encoder-qso.eigenspectra.safetensors").write_bytes(b"x"),
         "differs from the card's sha256"),
        (lambda d: (d / "encoder-qso.eigenspectra.safetensors").unlink(),
         "cannot read the weights"),
    ],
)  # fmt: skip
def test_a_damaged_directory_is_told(exported, tmp_path, break_it, what):
    for path in filter(Path.is_file, exported.iterdir()):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    break_it(tmp_path)
    with pytest.raises(ModelError, match=what):
        load_classifier(tmp_path, "amortised")


def test_exported_networks_know_one_solver_and_one_device(exported):
    with pytest.raises(ValueError, match="add --solver amortised; the hybrid one needs torch"):
        load_classifier(exported, "hybrid")
    with pytest.raises(ValueError, match="run on the CPU, not cuda"):
        load_classifier(exported, "amortised", "cuda")
    with pytest.raises(ModelError, match="needs the networks that they were exported from"):
        load_models(exported)


WITHOUT_TORCH = """
import json, sys
sys.modules["torch"] = None
from typer.testing import CliRunner
from gasnet3.cli import app

def run(*arguments):
    done = CliRunner().invoke(app, list(arguments))
    return [done.exit_code, done.stdout, done.stderr, repr(done.exception)]

samples, exported = sys.argv[1:]
models = ["--models", exported, "--solver", "amortised"]
told = {
    "classify": run("classify", samples, "-o", "a.parquet", *models),
    "plan": run("plan", samples, "-o", "run", "--part-rows", "5", *models),
    "work": run("work", "run"),
    "merge": run("merge", "run", "-o", "b.parquet"),
    "models": run("models", exported),
    "info": run("info"),
    "hybrid": run("classify", samples, "-o", "c.parquet", "--models", exported),
    "shipped": run("classify", samples, "-o", "c.parquet"),
    "mock": run("mock", "-n", "1", "-o", "m"),
}

import pandas as pd
from gasnet3.io import read
from gasnet3.run.hats import PartitionClassifier

some = read(samples)[:4]
frame = pd.DataFrame({"flux": list(some.flux), "ivar": list(some.ivar)}, index=some.ids)
frame["loglam"] = [some.lattice.loglam] * len(some)
told["partition"] = PartitionClassifier(exported, "amortised")(frame)["z"].tolist()

sys.modules["onnxruntime"] = None
told["bare"] = run("classify", samples, "-o", "c.parquet", *models)
print(json.dumps(told))
"""


def test_commands_run_where_torch_is_not_installed(exported, tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(samples.DIRECTORY), str(exported)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name in ("classify", "plan", "work", "merge", "models", "info"):
        assert told[name][0] == 0, told[name]
    assert "encoder-qso" in told["models"][1]
    assert "CUDA" not in told["info"][1]
    for name, what in {
        "hybrid": "add --solver amortised",
        "shipped": "run gasnet3 export -o DIR",
        "mock": "gasnet3 mock needs torch",
        "bare": "pip install 'gasnet3[onnx]'",
    }.items():
        status, _, text, _ = told[name]
        assert status == 2, told[name]
        assert what in text
        assert len(text.splitlines()) == 1
    ours, merged = (read_catalog(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    agrees(ours, load_classifier("encoder", "amortised").run(read(samples.DIRECTORY)))
    for name in ours.colnames:
        np.testing.assert_array_equal(ours[name], merged[name], err_msg=name)
    assert told["partition"] == ours["z"][:4].tolist()


def test_parts_of_torch_and_of_onnx_are_not_mixed(exported, tmp_path):
    from gasnet3.run.config import make_config

    prints = [
        make_config(Request(models, "amortised"))["fingerprint"]
        for models in ("encoder", str(exported))
    ]
    assert prints[0].keys() == prints[1].keys()
    assert all(prints[0][cls] != prints[1][cls] for cls in ("STAR", "GALAXY", "QSO"))


def test_the_requirements_without_torch_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [one for one in project["dependencies"] if not one.startswith("torch")]
    wanted += project["optional-dependencies"]["onnx"]
    lines = (ROOT / "requirements-onnx.txt").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == wanted
