"""redrock on the same spectra, as it is run on SDSS's and at its cheapest."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from pathlib import Path

from peers.with_redrock import HOW_TO_GET, Redrock, installed

from gasnet3.spectra.batch import Spectra
from speed.turns import Job, tell

CONFIGURATIONS = {"redrock": True, "redrock, no resolution matrix": False}
"""Name of the job: whether the spectra have a resolution matrix."""


def redrock_jobs(spectra: Spectra, rows: int, shared: Path) -> tuple[list[Job], str]:
    """redrock on some of the spectra, evenly chosen, one core, and which redrock it is.

    Parameters
    ----------
    spectra : Spectra
        What the others are timed on.
    rows : int
        How many of them redrock gets, at most.
    shared : Path
        Where the templates are (``data/templates``).

    Returns
    -------
    jobs : list of Job
        Empty where redrock or its templates are not at hand.
    note : str
        Its version, or why there is none.
    """
    library = shared / "data" / "templates"
    if not installed():
        return [], HOW_TO_GET
    if not library.is_dir():
        return [], f"redrock has no templates: there is no directory {library.name} of them"
    some = spectra[:: max(1, len(spectra) // rows)][:rows]
    jobs = []
    for name, resolution in CONFIGURATIONS.items():
        tell(f"{name}: templates rebinned to the grid of the spectra")
        redrock = Redrock(library, resolution=resolution)
        jobs.append(Job(name, partial(redrock, some), len(some)))
    return jobs, f"redrock {version('redrock')}"
