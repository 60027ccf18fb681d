"""Networks as ONNX files, checked against torch, with all that classification needs beside them."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gasnet3.anomaly import stored
from gasnet3.decide import confidence
from gasnet3.errors import GasnetError
from gasnet3.machine.files import json_contents, write_json
from gasnet3.nets.card import ModelCard, TrunkCard, write_card
from gasnet3.nets.model import Model
from gasnet3.nets.registry import TRUNK, fit_directories, is_exported, load_models, load_trunk
from gasnet3.nets.trunk import TrunkModel
from gasnet3.onnx.runtime import OnnxModel, OnnxTrunk
from gasnet3.version import __version__

OPSET = 20
"""Version of ONNX's operators: the first with the GELU that the Encoder has. onnxruntime 1.18 and
later know it."""

INPUTS, OUTPUTS = ("flux", "ivar"), ("rest", "coeff", "amplitude")

LARGEST = 1e-4
"""Largest difference from torch, as a share of the largest value of an output: a hundred times
the rounding of float32."""

CHECKED = 40
"""Spectra that networks are compared on."""

LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")
"""What tells of other people's packages that are missing here, at every export."""


class ExportError(GasnetError):
    """Networks cannot be exported, or give other numbers than torch; the message says which."""


@dataclass(frozen=True)
class Exported:
    """A network that was exported: bytes of its file, and how well it agrees with torch.

    ``absolute`` and ``relative`` are the largest difference from torch: as it is, and as a share of
    the output's largest value.
    """

    name: str
    cls: str
    size: int
    absolute: float
    relative: float


def export(models: str | Path | Sequence[str | Path], directory: str | Path) -> list[Exported]:
    """Write networks as ONNX files into a new directory, and check them against torch.

    With each goes its card, with the hash of the ONNX file, and the eigenspectra of an Encoder;
    with all of them what confidence and anomaly scores of the amortised solver are made of. Where a
    trunk gives the coefficients of all models, it is the only network.

    Parameters
    ----------
    models : str, Path or sequence of them
        See :func:`gasnet3.load_models`.
    directory : str or Path
        It must not exist, or be empty. It appears when all is written and checked.

    Raises
    ------
    ModelError
        If a model cannot be loaded, or onnxruntime is not installed.
    ExportError
        If ONNX's packages are not installed, the directory holds something, or a network gives
        other numbers than torch.
    OSError
        If it cannot be written.
    """
    directory = Path(directory)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise ExportError(f"{directory}: there is something already; name another directory")
    if is_exported(models):
        raise ExportError(f"{models}: these networks are exported already; name trained ones")
    _check_installed()
    loaded, trunk = load_models(models), load_trunk(models)
    for model in loaded.values():
        model.card.need_network()
    old = {cls: model.card.sha256 for cls, model in loaded.items()}
    with _appearing(directory) as temporary:
        made, hashes = [], {}
        for cls, model in loaded.items():
            if trunk is not None:
                hashes[cls] = _export_eigenspectra(model, temporary)
                continue
            done, hashes[cls] = _export_one(model, temporary)
            made.append(done)
        if trunk is not None:
            done, sha256 = _export_trunk(trunk, hashes, temporary)
            made.append(done)
            old, hashes = old | {"trunk": trunk.card.sha256}, hashes | {"trunk": sha256}
        _copy_fits(models, old, hashes, temporary)
    return made


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExportError(
            f"{error.name} is not installed: pip install 'gasnet3[onnx-export]'"
        ) from None


@contextlib.contextmanager
def _appearing(directory: Path) -> Iterator[Path]:
    """A directory to write to that gets its name when the block succeeds."""
    if not directory.absolute().parent.is_dir():
        raise FileNotFoundError(f"{directory}: there is no directory {directory.parent}")
    temporary = directory.absolute().with_name(f".{directory.name}-{os.getpid()}")
    temporary.mkdir()
    try:
        yield temporary
        temporary.replace(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _export_one(model: Model, directory: Path) -> tuple[Exported, str]:
    """Write one network, and compare it with what it was exported from."""
    model, card = model.to("cpu"), model.card
    path = directory / f"{card.name}.json"
    if model.eigenspectra is not None:
        _write_eigenspectra(path, model.eigenspectra.numpy())
    about = {"name": card.name, "class": card.cls, **_about(card)}
    content = onnx_bytes(model.network, card.n, OUTPUTS, about)
    sha256 = _write_network(path, content, card)
    found = largest_difference(card.name, card.n, model.reconstruct, OnnxModel.read(path).outputs)
    _write_origin(path, replace(card, sha256=sha256), card.sha256, found[1])
    return Exported(card.name, card.cls, len(content), *found), sha256


def _export_eigenspectra(model: Model, directory: Path) -> str:
    """Write a model whose network is not needed; gives the hash of its eigenspectra."""
    path = directory / f"{model.card.name}.json"
    assert model.eigenspectra is not None  # or there were no trunk
    content = _write_eigenspectra(path, model.eigenspectra.cpu().numpy())
    sha256 = hashlib.sha256(content).hexdigest()
    _write_origin(path, replace(model.card, sha256=sha256), model.card.sha256, 0.0)
    return sha256


def _export_trunk(
    trunk: TrunkModel, hashes: Mapping[str, str], directory: Path
) -> tuple[Exported, str]:
    """Write a trunk for models under their new hashes, and compare it as a network is."""
    trunk, path = trunk.to("cpu"), directory / TRUNK
    card = replace(trunk.card, models=trunk.card.models | dict(hashes))
    about = {"name": path.stem, **_about(card)}
    content = onnx_bytes(trunk.network, card.n, card.classes, about)
    sha256 = _write_network(path, content, card)
    ours = OnnxTrunk.read(path).coefficients
    found = largest_difference(path.stem, card.n, trunk.coefficients, ours)
    _write_origin(path, replace(card, sha256=sha256), card.sha256, found[1])
    return Exported(path.stem, ", ".join(hashes), len(content), *found), sha256


def _about(card: ModelCard | TrunkCard) -> dict[str, str]:
    """What an ONNX file says of itself beside its name."""
    return {"gasnet3": __version__, "weights": card.sha256, "licence": card.licence}


def _write_network(path: Path, content: bytes, card: ModelCard | TrunkCard) -> str:
    """Write a network with its card at ``path``; gives its hash, which the card has then."""
    sha256 = hashlib.sha256(content).hexdigest()
    path.with_suffix(".onnx").write_bytes(content)
    write_card(path, replace(card, sha256=sha256))
    return sha256


def _write_origin(path: Path, card: ModelCard | TrunkCard, weights: str, difference: float) -> None:
    """Write a card with the hash of what was exported, and how well what was made of it agrees.

    ExportError if it does not.
    """
    if not difference <= LARGEST:
        raise ExportError(
            f"{path.stem}: the exported network differs from torch by {difference:.1g} of its "
            f"largest value, more than {LARGEST:g}; nothing is written: use other versions of "
            "torch, onnx and onnxruntime (gasnet3 info)"
        )
    origin = {
        "weights": weights, "opset": OPSET, "torch": torch.__version__,
        "gasnet3": __version__, "difference": difference,
    }  # fmt: skip
    write_card(path, replace(card, training={**card.training, "exported": origin}))


def onnx_bytes(network: nn.Module, n: int, outputs: Sequence[str], about: dict[str, str]) -> bytes:
    """A network on the CPU as an ONNX file of any number of rows.

    Parameters
    ----------
    network : Module
        Flux and ivar of n pixels go in.
    n : int
        Pixels.
    outputs : sequence of str
        Names of what comes out.
    about : dict of str to str
        Properties of the file.
    """
    import onnx

    example = torch.zeros(2, n), torch.ones(2, n)
    rows = torch.export.Dim("rows")
    with _quiet():
        program = torch.onnx.export(
            network, example, dynamo=True, opset_version=OPSET, verbose=False,
            input_names=INPUTS, output_names=outputs,
            dynamic_shapes={name: {0: rows} for name in INPUTS},
        )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    # Where the code lay on the machine that exported it is nobody's business.
    proto.graph.doc_string = ""
    for part in (proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.functions):
        del part.metadata_props[:]
    for node in proto.graph.node:
        node.doc_string = ""
    onnx.helper.set_model_props(proto, about)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString(deterministic=True))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No word of torch's exporter on what concerns other packages."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _write_eigenspectra(path: Path, eigenspectra: NDArray[np.float32]) -> bytes:
    from safetensors.numpy import save

    content: bytes = save({"eigenspectra": np.ascontiguousarray(eigenspectra)})
    path.with_suffix(".eigenspectra.safetensors").write_bytes(content)
    return content


def largest_difference(
    name: str, n: int, torchs: Callable[..., Sequence[Tensor]], ours: Callable[..., Sequence[Any]]
) -> tuple[float, float]:
    """Largest difference of the outputs: as it is, and as a share of the largest value.

    Over noise of any level, spectra with gaps, and empty ones; together and one alone.

    Parameters
    ----------
    name : str
        Of the network.
    n : int
        Pixels.
    torchs, ours : callable
        Take flux and ivar, and give the outputs; of torch and of the exported network.

    Raises
    ------
    ExportError
        If an output has another shape.
    """
    rng = np.random.default_rng(0)
    shape = CHECKED, n
    flux = rng.standard_normal(shape).astype(np.float32)
    ivar = np.exp(rng.normal(0.0, 2.0, (CHECKED, 1)) + 0.3 * rng.standard_normal(shape))
    ivar = np.where(rng.random(shape) < 0.1, 0.0, ivar).astype(np.float32)
    ivar[0] = 0.0
    flux = np.where(ivar > 0, flux, np.float32(0.0))
    absolute = relative = 0.0
    for rows in (slice(None), slice(1, 2)):
        theirs = torchs(*map(torch.from_numpy, (flux[rows], ivar[rows])))
        for tensor, array in zip(theirs, ours(flux[rows], ivar[rows]), strict=True):
            expected = tensor.numpy()
            if expected.shape != array.shape:
                raise ExportError(
                    f"{name}: an output has the shape {array.shape}, in torch {expected.shape}"
                )
            if expected.size:
                difference = float(np.abs(expected - array).max())
                absolute = max(absolute, difference)
                relative = max(relative, difference / max(float(np.abs(expected).max()), 1e-30))
    return absolute, relative


def _copy_fits(
    source: str | Path | Sequence[str | Path],
    old: Mapping[str, str],
    new: Mapping[str, str],
    directory: Path,
) -> None:
    """Fits of the amortised solver that belong to the networks, under their new hashes."""
    trunk = {name: sha for name, sha in new.items() if name == "trunk"}
    models = {name: sha for name, sha in new.items() if name != "trunk"}
    for content in json_contents(fit_directories(source, confidence.DIRECTORY)):
        if confidence.hashes_of(content, "amortised") == dict(old):
            fits = {"amortised": content["solvers"]["amortised"] | trunk}
            _write_fit(directory / confidence.DIRECTORY.name, {"models": models, "solvers": fits})
            break
    for content in json_contents(fit_directories(source, stored.DIRECTORY)):
        fit = content.get("amortised")
        if fit and fit["sha256"] == dict(old) and not fit.get("densities"):
            _write_fit(directory / stored.DIRECTORY.name, {"amortised": {**fit, "sha256": new}})
            break


def _write_fit(directory: Path, content: Mapping[str, Any]) -> None:
    directory.mkdir()
    write_json(directory / "fit.json", content)
