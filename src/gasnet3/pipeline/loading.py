"""Models with what runs them: torch, or onnxruntime for exported networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gasnet3.nets.card import ModelError, read_weights
from gasnet3.nets.registry import ModelNames, find_models, find_trunk, is_exported
from gasnet3.pipeline.choices import ANYTHING, Choices

if TYPE_CHECKING:
    from gasnet3.pipeline.classifier import Classifier
    from gasnet3.pipeline.fitted import Resolved
    from gasnet3.pipeline.request import Request

NEEDS_TORCH = (
    "torch is not installed, and {models} needs it: install torch; or, where torch is, run "
    "gasnet3 export -o DIR, bring DIR here and use --models DIR --solver amortised"
)


def load_classifier(
    models: ModelNames = "encoder",
    solver: str = "hybrid",
    device: str = "cpu",
    choices: Choices = ANYTHING,
) -> Classifier:
    """Models and a solver, ready to classify.

    Parameters
    ----------
    models : str, Path or sequence of them
        See :func:`gasnet3.load_models`; or a directory that ``gasnet3 export`` wrote, for which
        torch is not needed.
    solver, device, choices
        See :meth:`gasnet3.pipeline.pipeline.Pipeline.load`. Exported networks know the amortised
        solver.

    Raises
    ------
    ValueError
        If the solver or the device cannot be had, or no model can do what is chosen.
    ModelError
        If a model cannot be loaded, or torch or onnxruntime is needed and not installed.
    """
    from gasnet3.pipeline.request import Request  # loads the readers of files

    return load(Request(models, solver, choices=choices), device)


def load(request: Request, device: str = "cpu") -> Classifier:
    """What does as a request says, see :func:`load_classifier`."""
    models, solver, choices = request.models, request.solver, request.choices
    if is_exported(models):
        from gasnet3.pipeline.exported import OnnxPipeline

        return OnnxPipeline.load(str(models), solver, device, choices)
    require_torch(f"--models {models}" if isinstance(models, str) else "these models")
    from gasnet3.pipeline.pipeline import Pipeline

    return Pipeline.load(models, solver, device, choices)


def look_up(request: Request) -> Resolved:
    """What :func:`load` would find beside the networks; their files are checked, not loaded."""
    from gasnet3.pipeline.fitted import resolve

    found = find_models(request.models)
    if is_exported(request.models):
        from gasnet3.pipeline.exported import check_exported

        check_exported(request)
    for info in found.values():
        read_weights(info.weights, info.card)
    resolved = resolve(request, {key: info.card for key, info in found.items()})
    if resolved.trunk and (trunk := find_trunk(request.models)):
        read_weights(trunk.weights, trunk.card)
    return resolved


def use_threads(models: ModelNames, threads: int) -> None:
    """Set the number of threads of what runs the networks."""
    if is_exported(models):
        from gasnet3.onnx import runtime

        runtime.use_threads(threads)
        return
    import torch

    torch.set_num_threads(threads)


def require_torch(what: str) -> None:
    """Refuse what cannot be done without torch.

    ModelError if it is not installed, with what to do.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ModelError(NEEDS_TORCH.format(models=what)) from None
