"""The commands as a user runs them, with toy models in place of trained ones."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gasnet3
from gasnet3 import io
from gasnet3.catalog import read_catalog
from gasnet3.pipeline.arrays import classify
from toy import toy_model, toy_spectra
from warm import run


def one_line(stderr: str) -> str:
    """The message of a bad call: one line."""
    lines = stderr.strip().splitlines()
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.fixture(scope="module")
def mocks(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Path:
    """A directory of six mock spec files and their truth, made by the command."""
    directory = tmp_path_factory.mktemp("work") / "mocks"
    out, _ = run("mock", "-n", 6, "--sn", 40, "--seed", 4, "--models", models, "-o", directory)
    assert "6 spectra" in out
    return directory


@pytest.fixture(scope="module")
def catalog(mocks: Path, models: Path) -> Path:
    """The catalog of the mocks, made by the command."""
    path = mocks.parent / "catalog.parquet"
    out, err = run("classify", mocks, "-o", path, "--models", models, "--threads", 1)
    assert "First 6 of 6 rows" in out
    assert "By class" in out
    assert "6 spectra, " in out
    assert err == "", "no progress where there is no terminal"
    return path


def test_mock_writes_spectra_with_their_truth(mocks: Path) -> None:
    with (mocks / "truth.csv").open() as lines:
        truth = list(csv.DictReader(lines))
    assert [row["class"] for row in truth] == [*gasnet3.CLASSES] * 2
    spectra = io.read([mocks])
    assert list(spectra.ids) == [row["id"] for row in truth]
    assert spectra.z == pytest.approx([float(row["z"]) for row in truth], abs=1e-12)
    assert np.median(spectra.sn_median) == pytest.approx(40, rel=0.15)


def test_mock_writes_one_npz(tmp_path: Path, mocks: Path, models: Path) -> None:
    path = tmp_path / "stars.npz"
    run("mock", "-n", 3, "--class", "STAR", "--models", models, "-o", path)
    assert set(io.read([path]).classes) == {"STAR"}
    with (tmp_path / "stars-truth.csv").open() as lines:
        assert len(list(csv.DictReader(lines))) == 3
    _, err = run("mock", "--models", models, "-o", path, status=2)
    assert "--overwrite" in one_line(err)
    _, err = run("mock", "--models", models, "-o", mocks, status=2)
    assert "truth.csv" in one_line(err)


def test_command_and_python_give_the_same_bits(catalog: Path, mocks: Path, models: Path) -> None:
    table = read_catalog(catalog)
    spectra = io.read([mocks])
    again = classify(
        spectra.flux, spectra.ivar, loglam=spectra.lattice.loglam, ids=spectra.ids, models=models
    )
    assert list(table["id"]) == list(spectra.ids)
    for name in ("class", "z", "z_err", "chi2", "zwarn", "robustness", "coeff"):
        np.testing.assert_array_equal(table[name], again[name])


def test_batch_size_order_and_dialect_change_no_number(
    tmp_path: Path, catalog: Path, mocks: Path, models: Path
) -> None:
    files = sorted(mocks.glob("*.fits"))
    path = tmp_path / "other.fits"
    arguments = ("-o", path, "--models", models, "--batch-size", 2, "--dialect", "sdss", "-q")
    out, err = run("classify", *reversed(files), *arguments)
    assert (out, err) == ("", "")
    table, other = read_catalog(catalog), read_catalog(path)
    np.testing.assert_array_equal(table["z"], other["z"])
    np.testing.assert_array_equal(table["zwarn"], other["zwarn"])


def test_classes_and_redshifts_of_the_mocks_are_right(catalog: Path, mocks: Path) -> None:
    table, truth = read_catalog(catalog), io.read([mocks])
    assert list(table["class"]) == list(truth.classes)
    assert np.abs(table["z"] - truth.z).max() < 1e-4


def test_n_best_keeps_more_solutions(tmp_path: Path, mocks: Path, models: Path) -> None:
    path = tmp_path / "best.csv"
    out, _ = run("classify", mocks, "-o", path, "--models", models, "--n-best", 2)
    assert "6 spectra, " in out, "the summary counts spectra, not solutions"
    assert list(read_catalog(path)["znum"]) == [0, 1] * 6


def test_broken_file_is_named_and_the_rest_goes_on(
    tmp_path: Path, mocks: Path, models: Path
) -> None:
    good, broken = sorted(mocks.glob("*.fits"))[:2]
    shutil.copy(good, tmp_path / good.name)
    (tmp_path / "cut.fits").write_bytes(broken.read_bytes()[:9000])
    path = tmp_path / "catalog.csv"
    out, err = run("classify", tmp_path, "-o", path, "--models", models, status=1)
    assert "1 of 2 files could not be read" in err
    assert "cut.fits: " in err
    assert "2 spectra, 1 flagged" in out
    table = read_catalog(path)
    assert list(table["id"]) == ["cut", io.read([good]).ids[0]]
    assert list(table["zwarn"] & int(gasnet3.ZWarn.NODATA) != 0) == [True, False]
    assert not (tmp_path / "catalog.csv.run").exists()


def test_only_broken_files_give_an_empty_catalog(tmp_path: Path, models: Path) -> None:
    (tmp_path / "no.fits").write_bytes(b"not a file of spectra")
    path = tmp_path / "catalog.parquet"
    _, err = run("classify", tmp_path / "no.fits", "-o", path, "--models", models, status=1)
    assert "no.fits: " in err
    assert len(read_catalog(path)) == 0


def test_flags_are_explained(tmp_path: Path, models: Path) -> None:
    spectra = toy_spectra(toy_model("GALAXY"), np.array([0.05]))
    spectra.ivar[:, 300:] = 0
    io.write_npz(tmp_path / "short.npz", spectra)
    out, _ = run("classify", tmp_path / "short.npz", "-o", tmp_path / "c.csv", "--models", models)
    assert "LITTLE_COVERAGE" in out
    assert "unmasked pixels cover less than" in out


def test_existing_catalog_is_kept_unless_told(catalog: Path, mocks: Path, models: Path) -> None:
    before = catalog.read_bytes()
    _, err = run("classify", mocks, "-o", catalog, "--models", models, status=2)
    assert "--overwrite" in one_line(err)
    assert catalog.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.fits", "-o", "c.csv"], "nowhere.fits"),
        (["MOCKS", "-o", "c.xls"], ".parquet, .fits, .csv"),
        (["MOCKS", "-o", "missing/c.csv"], "missing"),
        (["MOCKS", "-o", "c.csv", "--models", "nothing"], "no model 'nothing'"),
        (["MOCKS", "-o", "c.csv", "--device", "cuda:99"], "cuda:99"),
        (["MOCKS", "-o", "c.csv", "--device", "abacus"], "abacus"),
    ],
)
def test_bad_calls_of_classify_are_told_in_one_line(
    tmp_path: Path, mocks: Path, models: Path, arguments: list[str], words: str
) -> None:
    call = [str(mocks) if part == "MOCKS" else part for part in arguments]
    known = [] if "--models" in call else ["--models", models]
    _, err = run("classify", *call, *known, status=2, cwd=tmp_path)
    assert words in one_line(err)
    assert list(tmp_path.iterdir()) == []


def test_unknown_option_and_solver_show_usage(tmp_path: Path) -> None:
    for wrong in (["--colour", "red"], ["--solver", "guess"], ["--batch-size", "0"]):
        _, err = run("classify", "x.fits", "-o", tmp_path / "c.csv", *wrong, status=2)
        assert "Usage: gasnet3 classify" in err
        assert wrong[0] in err


def test_plot_by_row_by_id_and_gallery(tmp_path: Path, mocks: Path, models: Path) -> None:
    wanted = io.read([mocks]).ids[1]
    for choice in (["--row", 1], ["--id", wanted], ["--gallery", "--limit", 1]):
        path = tmp_path / f"{choice[0][2:]}.png"
        _, err = run("plot", mocks, *choice, "-o", path, "--models", models, "--threads", 1)
        assert path.read_bytes().startswith(b"\x89PNG")
    assert "the first 1 of 6" in err
    assert (tmp_path / "row.png").read_bytes() == (tmp_path / "id.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "6 spectra"),
        (["--row", "6"], "rows 0 to 5"),
        (["--id", "nobody"], "nobody"),
        (["--id", "nobody", "--row", "1"], "not both"),
        (["--gallery", "--row", "1"], "leave out"),
    ],
)
def test_bad_calls_of_plot_are_told_in_one_line(
    tmp_path: Path, mocks: Path, models: Path, arguments: list[str], words: str
) -> None:
    path = tmp_path / "p.png"
    _, err = run("plot", mocks, "-o", path, "--models", models, *arguments, status=2)
    assert words in one_line(err)
    assert not path.exists()


def test_plot_of_an_unknown_kind_is_refused(tmp_path: Path, mocks: Path, models: Path) -> None:
    path = tmp_path / "p.xyz"
    _, err = run("plot", mocks, "--row", 0, "-o", path, "--models", models, status=2)
    assert "png" in one_line(err)


def test_models_lists_what_there_is(tmp_path: Path, models: Path) -> None:
    out, _ = run("models", models)
    assert all(f"toy-{cls.lower()}" in out for cls in gasnet3.CLASSES)
    _, err = run("models", tmp_path, status=2)
    assert "no model cards" in one_line(err)
    (tmp_path / "broken.json").write_text("{")
    _, err = run("models", tmp_path, status=2)
    assert "broken.json" in one_line(err)


def test_info_is_enough_for_a_bug_report() -> None:
    out, _ = run("info")
    for word in (gasnet3.__version__, "python", "torch", "CUDA devices", "models", "readers"):
        assert word in out


def test_version_and_help() -> None:
    assert run("--version")[0] == f"gasnet3 {gasnet3.__version__}\n"
    out, _ = run("--help")
    commands = (
        "classify",
        "plan",
        "work",
        "status",
        "merge",
        "train",
        "evaluate",
        "plot",
        "models",
        "mock",
        "info",
    )
    assert all(command in out for command in commands)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, gasnet3.cli; "
        "print([m for m in ('torch', 'astropy', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evaluate_against_the_truth(tmp_path: Path, catalog: Path, mocks: Path) -> None:
    scores = tmp_path / "scores.json"
    out, _ = run("evaluate", catalog, mocks / "truth.csv", "--json", scores)
    assert "GALAXY" in out
    assert json.loads(scores.read_text())
    _, err = run("evaluate", catalog, tmp_path / "none.csv", status=2)
    assert "none.csv" in one_line(err)
    _, err = run("evaluate", catalog, mocks / "truth.csv", "--gf", "GALAXY", status=2)
    assert "GALAXY=" in one_line(err)


def test_train_writes_a_model_that_classifies(tmp_path: Path) -> None:
    toy = toy_model("STAR")
    rng = np.random.default_rng(1)
    for name, count in (("train", 24), ("valid", 8)):
        spectra = toy_spectra(toy, rng.uniform(-0.003, 0.003, count), seed=count)
        io.write_npz(tmp_path / f"{name}.npz", spectra)
    config = tmp_path / "star.toml"
    text = (
        'name = "my-star"\ncls = "STAR"\ntrain = ["train.npz"]\nvalid = ["valid.npz"]\n'
        'output = "out"\nz_min = -0.005\nz_max = 0.005\nepochs = 2\nbatch_size = 8\n'
        '[options]\nm = 3\nvariant = "paper"\n'
    )
    config.write_text(text)
    out, _ = run("train", config)
    assert "epoch 2/2" in out
    assert (tmp_path / "out" / "my-star.history.png").exists()
    run("classify", tmp_path / "valid.npz", "-o", tmp_path / "c.csv", "-q",
        "--models", tmp_path / "out" / "my-star.json")  # fmt: skip
    assert set(read_catalog(tmp_path / "c.csv")["class"]) == {"STAR"}
    run("train", config, "--resume", "-q")
    config.write_text("speed = 3\n" + text)
    _, err = run("train", config, status=2)
    assert "speed" in one_line(err)
