"""Models of template libraries: eigenspectra for the exact and hybrid solvers, without training.

A basis of templates is a linear model as the eigenspectra of an Encoder are, so what solves with
these solves with it. Templates have continua of their own, so that no polynomial is fitted beside
them unless it is asked for; then what they have of one of the same degree, which changes no model,
is taken out for the sake of single precision. What is left is turned into orthogonal vectors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.polynomial.legendre import legvander

from gasnet3.classes import CLASSES
from gasnet3.decide.subclass import standard_label
from gasnet3.errors import GasnetError
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.templates import Library, read_library
from gasnet3.machine.typing import Floats
from gasnet3.nets.basis import Basis
from gasnet3.nets.card import ModelCard, common_lattice
from gasnet3.nets.model import save_model
from gasnet3.nets.registry import list_models
from gasnet3.solve.broaden import smooth
from gasnet3.solve.prepare import NO_POLYNOMIAL
from gasnet3.spectra.lattice import OBSERVED, STEP, LogLattice
from gasnet3.spectra.resolution import sigma_said
from gasnet3.train.forest import slices, transmission
from gasnet3.train.population import MOCK_ROWS

DEGREE = NO_POLYNOMIAL
"""Default degree of the continuum polynomial beside templates, which have continua themselves."""

SHARPEST = 0.9
"""σ in pixels to which sharper templates are smoothed: that of SDSS's spectra."""

MOST = 5
"""Vectors of a model of single templates; of more, these describe them best."""

RANGES = {"STAR": (-0.004, 0.004), "GALAXY": (-0.005, 1.7), "QSO": (0.05, 6.0)}
"""Redshifts where neither the file nor the user says any, as far as the templates reach."""

NEGLIGIBLE = 1e-6
"""Share of the largest below which a vector adds nothing to the others."""

NAME_LENGTH = 16
"""Characters of a subclass at most: the catalog has no more."""


class TemplatesError(GasnetError, ValueError):
    """Templates that make no model; the message names file or model and says what to do."""


@dataclass(frozen=True)
class TemplateOptions:
    """What files of templates do not say, and how models are to be.

    Parameters
    ----------
    cls, subclass : str
        Class and subclass of all templates, in the place of what files say; '' to leave it.
    z_range : tuple of float, optional
        Redshifts to look at, in the place of what files say.
    lattice : LogLattice
        Observed pixels the models are for.
    degree : int
        Degree of the continuum polynomial that is fitted beside them.
    reading : ReadOptions
        Air or vacuum, names and units of columns, resolution of the templates. Without a
        resolution, those of finer pixels than the lattice's are taken as much sharper than it,
        and others as being of its own resolution.

    Raises
    ------
    ValueError
        If the class is unknown, the range empty, the degree negative or the subclass too long.
    """

    cls: str = ""
    subclass: str = ""
    z_range: tuple[float, float] | None = None
    lattice: LogLattice = OBSERVED
    degree: int = DEGREE
    reading: ReadOptions = field(default=DEFAULT)

    def __post_init__(self) -> None:
        if self.cls and self.cls not in CLASSES:
            raise ValueError(f"no class {self.cls!r}: take one of {', '.join(CLASSES)}")
        if self.z_range is not None and not -1.0 < self.z_range[0] < self.z_range[1] < np.inf:
            low, high = self.z_range
            raise ValueError(f"the range {low:g} to {high:g} is empty: low < high")
        if self.degree < NO_POLYNOMIAL:
            raise ValueError(
                f"the continuum degree must be 0 or more, or -1 for none, got {self.degree}"
            )
        if len(self.subclass) > NAME_LENGTH:
            raise ValueError(f"the subclass {self.subclass!r} is too long: {NAME_LENGTH} at most")


@dataclass(frozen=True, eq=False)
class _Group:
    """Templates that make one model."""

    cls: str
    subclass: str
    libraries: tuple[Library, ...]
    rows: tuple[tuple[int, ...], ...]

    @property
    def key(self) -> str:
        return f"{self.cls} {self.subclass}".strip()

    @property
    def single(self) -> bool:
        """Whether they are spectra by themselves."""
        return bool(self.libraries[0].names)

    @property
    def files(self) -> str:
        return ", ".join(str(library.path) for library in self.libraries)

    @property
    def lattice(self) -> LogLattice:
        """What all of them cover."""
        first = max(library.lattice.k_min for library in self.libraries)
        last = min(library.lattice.k_max for library in self.libraries)
        if last <= first:
            raise TemplatesError(f"{self.files}: these templates of {self.key} do not overlap")
        return LogLattice(first, last - first + 1)


def add_templates(
    files: Sequence[str | Path],
    directory: str | Path,
    options: TemplateOptions | None = None,
    *,
    overwrite: bool = False,
) -> list[ModelCard]:
    """Make models of template files, in a directory that ``--models`` then names.

    A file with a basis makes one model; templates that are spectra by themselves make one for
    each class and subclass, of at most :data:`MOST` vectors. Models of one class compete.

    Parameters
    ----------
    files : sequence of str or Path
        See :func:`gasnet3.io.templates.read_library`.
    directory : str or Path
        Made if it is missing; models that are there remain.
    options : TemplateOptions, optional
        What the files do not say.
    overwrite : bool
        Whether a model of the same class and subclass is replaced.

    Returns
    -------
    list of ModelCard
        The models made, in the order of the files.

    Raises
    ------
    gasnet3.io.ReadError
        If a file cannot be read as templates.
    TemplatesError
        If a class is not known, templates are shorter than their range, or a model is there.
    gasnet3.nets.card.ModelError
        If the directory has models on another lattice.
    """
    options, directory = options or TemplateOptions(), Path(directory)
    groups = _grouped([read_library(path, options.reading) for path in files], options)
    made = [model for group in groups for model in _models(group, options)]
    wanted = {(group.cls, group.subclass) for group in groups}
    there = list_models(directory)
    old = [info for info in there if (info.card.cls, info.card.subclass) in wanted]
    if old and not overwrite:
        raise TemplatesError(
            f"{directory}: has {old[0].name} already, of the same class and subclass; add "
            "--overwrite, name another directory, or give --subclass"
        )
    kept = [info for info in there if info not in old]
    names = [card.name for card, _ in made] + [info.name for info in kept]
    if twice := [name for name in names if names.count(name) > 1]:
        raise TemplatesError(
            f"{directory}: two models would be called {twice[0]}; give one of them another "
            "--subclass"
        )
    common_lattice([*(card for card, _ in made), *(info.card for info in kept)])
    for info in old:
        info.path.unlink()
        info.weights.unlink(missing_ok=True)
    for card, vectors in made:
        network = Basis(card.n, card.rest.n, len(vectors))
        with torch.no_grad():
            network.eigenspectra.copy_(torch.from_numpy(vectors))
        save_model(network, card, directory)
    return [card for card, _ in made]


def _grouped(libraries: Sequence[Library], options: TemplateOptions) -> list[_Group]:
    """Templates by the model they make."""
    singles: dict[tuple[str, str], dict[int, list[int]]] = {}
    groups: dict[tuple[str, str], _Group] = {}
    for number, library in enumerate(libraries):
        cls = options.cls or library.cls
        if not cls:
            raise TemplatesError(f"{library.path}: does not say of which class it is: give --class")
        if library.names:
            for row, name in enumerate(library.names):
                subclass = options.subclass or _subclass(cls, name)
                singles.setdefault((cls, subclass), {}).setdefault(number, []).append(row)
            continue
        key = cls, options.subclass or library.subclass
        if key in groups:
            raise TemplatesError(
                f"{library.path}: is of {' '.join(key).strip()}, as {groups[key].files} is; add "
                "them one by one, with a --subclass each"
            )
        groups[key] = _Group(*key, (library,), (tuple(range(len(library.flux))),))
    for key, rows in singles.items():
        if key in groups:
            raise TemplatesError(
                f"{groups[key].files}: a basis, and single templates of {' '.join(key).strip()}: "
                "add them one by one, with a --subclass each"
            )
        groups[key] = _Group(
            *key, tuple(libraries[n] for n in rows), tuple(map(tuple, rows.values()))
        )
    return list(groups.values())


def _subclass(cls: str, name: str) -> str:
    """Subclass of a single template by its name; its first word where that is no type."""
    words = re.split(r"[^\w+-]+", name.strip())
    return (standard_label(cls, name) if cls == "STAR" else "") or words[0][:NAME_LENGTH]


def _models(group: _Group, options: TemplateOptions) -> list[tuple[ModelCard, Floats]]:
    """Cards and vectors, shape (m, N) of their rest-frame lattices, of a group."""
    low, high = _range(group, options)
    if len(group.subclass) > NAME_LENGTH:
        raise TemplatesError(
            f"{group.files}: the subclass {group.subclass!r} is too long; give --subclass"
        )
    flux, sigma = _sharp(group, options)
    forest = any(library.forest for library in group.libraries)
    parts = slices(low, high, float(options.lattice.wave[0])) if forest else [(low, high, 0.0)]
    stem = re.sub(r"[^a-z0-9]+", "-", group.key.lower()).strip("-")
    made = []
    for number, (first, last, middle) in enumerate(parts):
        card = ModelCard(
            stem if len(parts) == 1 else f"{stem}-{number}", group.cls, "templates", {},
            first, last, options.degree, options.lattice.k_min, options.lattice.n,
            training={"templates": [library.path.name for library in group.libraries]},
            subclass=group.subclass, sigma=sigma, licence="that of the templates",
        )  # fmt: skip
        start = card.rest.k_min - group.lattice.k_min
        seen = flux[:, start : start + card.rest.n]
        if forest:
            seen = seen * transmission(card.rest.wave, middle)
        vectors = _orthogonal(seen, options.degree)[: MOST if group.single else None]
        if not len(vectors):
            raise TemplatesError(
                f"{group.files}: nothing but a polynomial of degree {options.degree}; give a lower "
                "--degree"
            )
        population = _population(group, card, seen, vectors)
        made.append((replace(card, options={"m": len(vectors)}, population=population), vectors))
    return made


def _population(
    group: _Group, card: ModelCard, flux: Floats, vectors: Floats
) -> dict[str, list[object]]:
    """Coefficients of the library's realistic spectra, as a card has them; none without any.

    Mock spectra are drawn of them. They bind no coefficients: how often the library has each kind
    of spectrum is not how often it occurs.
    """
    coeff = group.libraries[0].coeff
    if coeff is None or group.single:
        return {}
    chosen = np.linspace(0, len(coeff) - 1, min(len(coeff), MOCK_ROWS)).astype(np.int64)
    spectra = coeff[chosen] @ flux
    size = np.sqrt((spectra**2).mean(axis=1, keepdims=True))
    found = spectra @ vectors.T / vectors.shape[1] / np.where(size > 0, size, 1.0)
    z = np.linspace(card.z_min, card.z_max, len(chosen) + 2)[1:-1]
    continuum = np.zeros((len(chosen), max(card.degree, 0) + 1))
    return {
        "z": np.round(z, 7).tolist(),
        "coeff": np.round(found, 7).tolist(),
        "continuum": continuum.tolist(),
    }


def _range(group: _Group, options: TemplateOptions) -> tuple[float, float]:
    """First and last redshift of a model; TemplatesError if its templates are shorter."""
    (blue, red), (first, last) = (
        (lattice.wave[0], lattice.wave[-1]) for lattice in (group.lattice, options.lattice)
    )
    # A pixel is lost where a range is rounded to whole shifts.
    least, most = last / red * 10.0**STEP - 1.0, first / blue / 10.0**STEP - 1.0
    covers = f"{group.files}: covers {blue:.0f} to {red:.0f} Å"
    window = f"spectra of {first:.0f} to {last:.0f} Å"
    if most <= least:
        raise TemplatesError(f"{covers}, too little for {window}; give a narrower --wave LOW:HIGH")
    said = {library.z_range for library in group.libraries} - {None}
    wanted = options.z_range or (said.pop() if len(said) == 1 else None)
    if wanted is None:
        low, high = RANGES[group.cls]
        wanted = max(low, least), min(high, most)
        if wanted[0] >= wanted[1]:
            wanted = least, most
    if wanted[0] < least - 1e-9 or wanted[1] > most + 1e-9:
        raise TemplatesError(
            f"{covers}: in {window} that is z = {_up(least):g} to {_down(most):g}, shorter than "
            f"the range {wanted[0]:.4g} to {wanted[1]:.4g}; give --z-range "
            f"{max(wanted[0], _up(least)):g}:{min(wanted[1], _down(most)):g}, or a narrower "
            "--wave LOW:HIGH"
        )
    return wanted


def _up(z: float) -> float:
    return float(np.ceil(z * 1e4) / 1e4)


def _down(z: float) -> float:
    return float(np.floor(z * 1e4) / 1e4)


def _sharp(group: _Group, options: TemplateOptions) -> tuple[Floats, float]:
    """Templates on what all of a group cover, none sharper than spectra; their σ in pixels."""
    parts, sigmas = [], []
    for library, rows in zip(group.libraries, group.rows, strict=True):
        own, flux = _sigma(library, options), library.flux[list(rows)]
        if own < SHARPEST:
            broader = smooth(flux.astype(np.float32), (SHARPEST**2 - own**2) ** 0.5)
            flux = np.asarray(broader, np.float64)
        start = group.lattice.k_min - library.lattice.k_min
        parts.append(flux[:, start : start + group.lattice.n])
        sigmas.append(max(own, SHARPEST))
    return np.concatenate(parts), max(sigmas)


def _sigma(library: Library, options: TemplateOptions) -> float:
    """Resolution of templates, σ in pixels."""
    if options.reading.resolution is None:
        return 0.0 if library.fine else SHARPEST
    good = np.ones((1, library.lattice.n), bool)
    return float(sigma_said(options.reading.resolution, library.lattice.wave, good)[0])


def _orthogonal(flux: Floats, degree: int) -> Floats:
    """Orthogonal vectors of the same models beside a polynomial, float32 in range, (m, N)."""
    basis = legvander(np.linspace(-1.0, 1.0, flux.shape[1]), max(degree, 0))[:, : degree + 1]
    scale = np.sqrt((flux**2).mean(axis=1, keepdims=True))
    flux = flux / np.where(scale > 0, scale, 1.0)
    rest = flux - (basis @ np.linalg.lstsq(basis, flux.T, rcond=None)[0]).T
    _, size, vectors = np.linalg.svd(rest, full_matrices=False)
    kept = size > NEGLIGIBLE * np.sqrt(flux.size)
    return np.asarray(vectors[kept] * np.sqrt(flux.shape[1]), np.float64)
