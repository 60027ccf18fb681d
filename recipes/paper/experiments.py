"""What the paper's experiments share: the spectra, the methods compared, catalogs kept on disk."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "recipes"))  # for mock_survey, when a script here is run by its path

from mock_survey.library import SHARED, Survey  # noqa: E402
from validate import truth_of  # noqa: E402

from gasnet3 import CLASSES  # noqa: E402
from gasnet3.catalog import read_catalog, write_catalog  # noqa: E402
from gasnet3.evaluate.evaluation import Evaluation, evaluate  # noqa: E402
from gasnet3.evaluate.truth import read_truth  # noqa: E402
from gasnet3.io import write_npz  # noqa: E402
from gasnet3.io.stores.npz import NpzReader  # noqa: E402
from gasnet3.machine.files import write_json  # noqa: E402
from gasnet3.nets.card import ModelError  # noqa: E402
from gasnet3.paper.figures import Inputs, read_inputs  # noqa: E402
from gasnet3.paper.samples import ClassSample, class_samples  # noqa: E402
from gasnet3.pipeline.pipeline import Pipeline  # noqa: E402
from gasnet3.spectra.batch import Spectra  # noqa: E402

POPULATION = ROOT / "runs" / "population"
RUNS = ROOT / "runs" / "paper"
PICTURES = ROOT / "docs" / "images" / "paper"
SOURCES = ROOT / "src" / "gasnet3"
NO_SOLVING = ("report", "cli", "train", "run", "io")
"""Parts of the package that no catalog depends on once the spectra are read."""

REAL, MOCKS = "real", "mocks"
SETS = (REAL, MOCKS)
EVERY = "every"
"""All labelled real spectra, those of the training groups too: for pictures, never for accuracy."""


@dataclass(frozen=True)
class Method:
    """One way to classify that the experiments compare.

    Parameters
    ----------
    key : str
        Short name, of its files.
    title : str
        Name in tables and pictures.
    models : tuple of str
        Names or paths, see :func:`gasnet3.load_models`.
    solver : str
        "amortised" or "hybrid".
    """

    key: str
    title: str
    models: tuple[str, ...]
    solver: str

    def pipeline(self) -> Pipeline:
        """The models and the solver, loaded."""
        return _pipeline(self.models, self.solver)


@dataclass(frozen=True, eq=False)
class Labelled:
    """Spectra with their truth table."""

    spectra: Spectra
    truth: Table


def arguments_of(doc: str | None) -> argparse.ArgumentParser:
    """The arguments that every experiment takes."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument(
        "--encoder", nargs="+", default=["encoder"], help="architecture, directories or model cards"
    )
    parser.add_argument("--unet", nargs="+", default=["unet"], help="the same of the U-Nets")
    parser.add_argument("--shared", type=Path, default=SHARED, help="directory of the real data")
    parser.add_argument("--population", type=Path, default=POPULATION)
    parser.add_argument(
        "--epochs", type=int, default=10, help="of the trainings of Tables 4 and B1; the paper: 100"
    )
    parser.add_argument("--mocks", type=int, default=800, help="mock validation spectra a class")
    parser.add_argument(
        "--keep",
        action="store_true",
        help="take catalogs of older code, if the models are the same",
    )
    return parser


def methods(arguments: argparse.Namespace) -> list[Method]:
    """The methods of Table 2 and of the figures; the U-Net only if there is one."""
    return _methods(_cards(arguments.encoder), _cards(arguments.unet))


@cache
def _methods(encoder: tuple[str, ...], unet_models: tuple[str, ...]) -> list[Method]:
    found = [
        Method("encoder-amortised", "Encoder, amortised", encoder, "amortised"),
        Method("encoder-hybrid", "Encoder, hybrid", encoder, "hybrid"),
    ]
    unet = Method("unet-amortised", "U-Net, amortised", unet_models, "amortised")
    try:
        complete = len(unet.pipeline().engines) == len(CLASSES)
    except ModelError as error:
        print(f"no U-Net rows: {error}")
        return found
    if not complete:
        print("no U-Net rows: not every class has a model")
        return found
    return [*found, unet]


def _cards(names: list[str]) -> tuple[str, ...]:
    """Model cards of directories; other names as they are."""
    out: list[str] = []
    for name in names:
        path = Path(name)
        out += [str(card) for card in sorted(path.glob("*.json"))] if path.is_dir() else [name]
    return tuple(out)


@cache
def _pipeline(models: tuple[str, ...], solver: str) -> Pipeline:
    found = Pipeline.load(models[0] if len(models) == 1 else models, solver)
    if found.trunk is None:
        return found
    # The paper's networks are those of the Encoders themselves; fits are of the trunk's answers.
    engines = tuple(replace(engine, trunk=None) for engine in found.engines)
    fitted = replace(found.fitted, confidence=None, anomaly=None)
    return replace(found, engines=engines, fitted=fitted)


def labelled(which: str, arguments: argparse.Namespace) -> Labelled:
    """The real validation spectra, or as many mock ones of each class as wanted."""
    if which == REAL:
        return _real(arguments.shared)
    if which == EVERY:
        return _every(arguments.shared)
    return _mocks(arguments.population, arguments.mocks)


@cache
def _real(shared: Path) -> Labelled:
    survey = Survey(shared)
    rows = np.array(survey.labelled(validation=True))
    spectra = survey.batch(rows)
    return Labelled(spectra, truth_of(survey, rows, spectra.ids))


@cache
def _every(shared: Path) -> Labelled:
    survey = Survey(shared)
    rows = np.array(sorted(survey.labelled(validation=True) + survey.labelled(validation=False)))
    spectra = survey.batch(rows)
    _, first, times = np.unique(spectra.ids, return_index=True, return_counts=True)
    once = np.sort(first[times == 1])  # two files of one name cannot be told apart
    return Labelled(spectra[once], truth_of(survey, rows[once], spectra.ids[once]))


@cache
def _mocks(population: Path, count: int) -> Labelled:
    parts = []
    for cls in CLASSES:
        spectra = NpzReader().read(population / f"{cls}-valid.npz")
        parts.append(spectra[np.flatnonzero(np.char.startswith(spectra.ids, "mock"))[:count]])
    spectra = Spectra.concatenate(parts)
    columns = {"id": spectra.ids, "class": spectra.classes, "z": spectra.z}
    return Labelled(spectra, Table(columns))


def catalog(method: Method, which: str, arguments: argparse.Namespace) -> Table:
    """The catalog of a set by a method: from disk, if models and code are still the same."""
    path = RUNS / "catalogs" / f"{method.key}-{which}.parquet"
    data, pipeline = labelled(which, arguments), method.pipeline()
    if path.exists():
        table = read_catalog(path)
        ids = np.asarray(table["id"]).astype(np.str_)
        same = np.array_equal(ids, data.spectra.ids)
        same &= table.meta.get("gasnet3") == pipeline.provenance
        if same and (arguments.keep or path.stat().st_mtime > _changed()):
            return table
    print(f"{method.title}, {which}: {len(data.spectra)} spectra", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_catalog(pipeline.run(data.spectra), path)
    return read_catalog(path)


@cache
def _changed() -> float:
    """When the code that makes catalogs was changed last."""
    files = [p for p in SOURCES.rglob("*.py") if p.relative_to(SOURCES).parts[0] not in NO_SOLVING]
    return max(path.stat().st_mtime for path in files)


def figure_inputs(method: Method, arguments: argparse.Namespace) -> Inputs:
    """What ``gasnet3 figures`` takes, of all labelled real spectra."""
    data, path = labelled(EVERY, arguments), RUNS / "every.npz"
    table = catalog(method, EVERY, arguments)
    write_npz(path, data.spectra)
    models = method.models[0] if len(method.models) == 1 else method.models
    return read_inputs(table, data.truth, path, models)


def evaluation(method: Method, which: str, arguments: argparse.Namespace) -> Evaluation:
    """The catalog of a set against its truth."""
    return evaluate(catalog(method, which, arguments), labelled(which, arguments).truth)


def samples(method: Method, which: str, arguments: argparse.Namespace) -> dict[str, ClassSample]:
    """The set by class, each by its own model."""
    truth = read_truth(labelled(which, arguments).truth)
    return class_samples(catalog(method, which, arguments), truth)


def describe_sets(arguments: argparse.Namespace) -> None:
    """Write how many spectra of each class are tested on, their S/N and redshifts."""
    rows = []
    for which in SETS:
        data = labelled(which, arguments)
        classes, z = np.asarray(data.truth["class"]), np.asarray(data.truth["z"], np.float64)
        sn = data.spectra.sn_median
        for cls in CLASSES:
            mine = classes == cls
            median = {"sn": np.nanmedian(sn[mine]), "z": np.nanmedian(z[mine])}
            rows.append({"set": which, "class": cls, "n": int(mine.sum()), **median})
    write_result("sets", rows)


def scores(method: Method, which: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Figures of merit of each class by its own model, and the accuracy over all classes."""
    by_class = {cls: s.summary() for cls, s in samples(method, which, arguments).items()}
    told = evaluation(method, which, arguments)
    for cls, values in by_class.items():
        values["accuracy"] = told.classes[cls].accuracy
    return {"method": method.title, "set": which, "classes": by_class, "accuracy": told.accuracy}


def write_result(name: str, value: Any) -> None:
    """Write the numbers of an experiment to runs/paper."""
    RUNS.mkdir(parents=True, exist_ok=True)
    write_json(RUNS / f"{name}.json", value)
    print(f"wrote {RUNS.name}/{name}.json")


def read_result(name: str) -> Any:
    """Numbers of an experiment, or None where it has not been run."""
    path = RUNS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None
