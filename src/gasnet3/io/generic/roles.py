"""What the arrays of a file stand for, from their names, units and UCDs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from gasnet3.errors import GasnetError
from gasnet3.io.options import DEFAULT, ReadOptions
from gasnet3.io.reader import Understood
from gasnet3.io.units import is_flux_density, is_spectral

NAMES: dict[str, tuple[str, ...]] = {
    "flux": (
        *("flux", "fluxes", "fluxdensity", "flam", "flambda", "fnu", "spec", "spectrum"),
        *("spectra", "intensity", "sci", "science", "signal", "counts", "data"),
    ),
    "ivar": (
        *("ivar", "invvar", "inversevariance", "invvariance", "fluxivar", "ivarflux"),
        *("specivar", "weight", "weights", "wht"),
    ),
    "error": (
        *("error", "err", "errors", "sigma", "noise", "std", "stddev", "stdev", "uncertainty"),
        *("unc", "fluxerror", "fluxerr", "errflux", "errorflux", "eflux", "dflux", "fluxsigma"),
        *("sigmaflux", "fluxunc", "fluxuncertainty", "fluxstd", "sig", "rms", "specerr"),
        *("ferr", "ferror", "fluxerrors", "errs", "uncertainties", "staterr", "staterror"),
        *("statisticalerror", "errstat", "errorstat", "efnu", "eflam", "eflambda", "deltaflux"),
        *("sigmaf", "1sigma", "onesigma", "toterr", "toterror", "totalerror", "errtot", "sdev"),
        *("uncert", "uncerts", "noisesigma", "sigmanoise", "noiseerr"),
    ),
    "variance": ("variance", "var", "fluxvar", "varflux", "fluxvariance", "specvar", "stat"),
    "mask": (
        *("mask", "andmask", "pixmask", "badpix", "badpixels", "bad", "dq", "quality", "qual"),
        *("flags", "flag", "maskbits", "ormask", "good", "goodpix", "valid", "usable"),
        *("pixelmask", "dataqual", "dataquality", "bpm", "badpixel", "badpixelmask", "badmask"),
        *("gpm", "goodpixel", "goodpixels", "goodpixelmask", "goodmask", "validmask"),
        *("isgood", "isvalid", "isbad", "dqflag", "dqflags", "pixelflag", "pixelflags", "pixflag"),
        *("pixelquality", "qualityflag", "qualityflags", "qualflag", "crmask", "cosmicmask"),
    ),
    "loglam": (
        *("loglam", "loglambda", "logwave", "logwavelength", "log10lam", "log10lambda"),
        *("log10wave", "lglam", "lnlam", "lnlambda", "lnwave", "lnwavelength"),
    ),
    "wave": (
        *("wave", "wavelength", "wavelengths", "lambda", "lam", "lamb", "waves", "wav", "wl"),
        *("wlen", "angstrom", "spectralaxis", "wavevac", "vacwave", "wavelengthvac", "vacuum"),
        *("waveair", "airwave", "wavelengthair", "lambdaair", "lambdavac", "awav", "wavair"),
        *("frequency", "freq", "nu", "wavenumber", "energy"),
    ),
    "id": (
        *("id", "ids", "objectid", "objid", "targetid", "sourceid", "specobjid", "specid"),
        *("spectrumid", "sparclid", "catalogid", "sdssid", "cname", "obsid", "uid", "name"),
        *("objname", "targname", "target", "object"),
    ),
    "z": ("z", "redshift", "zspec", "specz", "zbest", "ztrue", "zhelio", "zfinal"),
    "class": ("class", "classes", "cls", "spectype", "objclass", "objectclass", "objtype"),
    "ra": ("ra", "raj2000", "targetra", "plugra", "raobj", "fiberra", "radeg", "rightascension"),
    "dec": ("dec", "dej2000", "decj2000", "targetdec", "plugdec", "decobj", "fiberdec", "decdeg"),
}
"""Names of each role, in lower case without punctuation; the first of them that occurs wins."""

GOOD = "good:"
"""What ``--column mask=good:NAME`` begins with: the mask is true where a pixel can be used."""

WEIGHTS = ("weight", "weights", "wht")
"""Names of an inverse variance that are none where the file has errors: they count exposures."""

EXTRACTIONS = ("opt", "box")
"""What PypeIt begins names with: its optimal extraction goes before the other."""

AIR_NAMES = ("waveair", "airwave", "wavelengthair", "lambdaair", "awav", "wavair")
"""Names that say that wavelengths are air."""

UCDS: tuple[tuple[str, str], ...] = (
    ("stat.error", "error"),
    ("em.wl", "wave"),
    ("em.freq", "wave"),
    ("spect.redshift", "z"),
    ("src.redshift", "z"),
    ("phot.flux.density", "flux"),
    ("phot.flux", "flux"),
    ("meta.code.qual", "mask"),
    ("meta.id", "id"),
    ("src.class", "class"),
    ("pos.eq.ra", "ra"),
    ("pos.eq.dec", "dec"),
)
"""Beginnings of UCDs, and their roles."""

PIXEL_ROLES = ("flux", "ivar", "error", "variance", "mask", "loglam", "wave")
ROW_ROLES = ("id", "z", "class", "ra", "dec")

LISTED = 12
"""How many arrays a message names."""

_GREEK = str.maketrans({"σ": "sigma", "λ": "lambda", "ν": "nu", "δ": "delta"})

_ERROR = r"(?:flux)?(?:err|error|e|sigma|sig|unc|uncertainty|std)(?:flux)?"
_BELOW = re.compile(rf"({_ERROR})(?:lo|low|lower|minus|neg|down)$")
_ABOVE = ("hi", "high", "upper", "up", "plus", "pos")

Along = Literal["pixels", "rows"]
Load = Callable[[slice], Any]
"""The values of some of the spectra; of an array that all share, all of it."""


class RolesError(GasnetError, ValueError):
    """Arrays that make no spectra; the message says what is missing and how to name it."""


@dataclass(frozen=True)
class Held:
    """One array of a file, and how to get it.

    Parameters
    ----------
    name : str
        How its owner would call it.
    along : {'pixels', 'rows'}
        Whether there is a value for each pixel, or one for each spectrum.
    unit, ucd : str
        As the file has them, '' where it has none.
    where : str
        Where it lies: ``column FLUX of HDU 1``.
    load : callable
        See :data:`Load`; the other fields tell what is known without it.
    air : bool, optional
        Whether the file says of it, should it be wavelengths, that they are air.
    part : int, optional
        Number of the part of the file that it lies in.
    good : bool, optional
        Whether, as a mask, it is true where a pixel can be used; None where nobody says.
    parts : tuple of str
        Names of the arrays that it is made of, where these are several.
    """

    name: str
    along: Along
    unit: str = ""
    ucd: str = ""
    where: str = ""
    load: Load = field(default=lambda rows: None, compare=False)
    air: bool | None = field(default=None, compare=False)
    part: int | None = field(default=None, compare=False)
    good: bool | None = None
    parts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays of the file that it is."""
        return self.parts or (self.name,)

    @property
    def text(self) -> str:
        """Where it lies with its unit, for :class:`Understood`."""
        place = self.where or self.name
        return f"{place} [{self.unit}]" if self.unit else place


@dataclass(frozen=True)
class Roles:
    """Which array stands for what, the arrays without a role, and the same in words.

    By role the unit is the one to go by.
    """

    arrays: dict[str, Held]
    others: tuple[Held, ...]
    understood: Understood = field(default_factory=Understood)


def recognise(
    arrays: Sequence[Held],
    options: ReadOptions = DEFAULT,
    *,
    has_wave: bool = False,
    has_flux: bool = False,
) -> Roles:
    """Tell what arrays stand for; what the user says goes before all else.

    The wavelengths or the flux may come from elsewhere (a header, the data unit itself), as
    ``has_wave`` and ``has_flux`` say. RolesError if there is no flux, there are no wavelengths, or
    an array that was named is not there.
    """
    found: dict[str, Held] = {}
    left = list(arrays)
    for role, name in options.columns:
        found[role] = _named(left, name, role)
        left = [one for one in left if one.name != found[role].name]
    understood = Understood()
    for steps in (_by_name, _by_ucd, _by_unit):
        for role, one in steps(left, found):
            found[role] = one
            left.remove(one)
    _drop_spare(found, left)
    if not {"ivar", "error", "variance"} & found.keys():
        _add_sides(found, left)
    for role, needed in (("flux", not has_flux), ("wave", not has_wave)):
        if needed and role not in found and not (role == "wave" and "loglam" in found):
            raise RolesError(_missing(role, arrays))
    units = dict(options.units)
    for role, one in found.items():
        if role in units:
            found[role] = replace(one, unit=units[role])
        understood.used.append((role, found[role].text))
    understood.ignored += [f"{one.text}: not used" for one in left if one.along == "pixels"]
    return Roles(found, tuple(left), understood)


def plain(name: str) -> str:
    """A name in lower case without punctuation; Greek letters by their names."""
    return re.sub(r"[^a-z0-9]", "", name.lower().translate(_GREEK))


def _named(arrays: Sequence[Held], name: str, role: str) -> Held:
    if role == "mask" and name.startswith(GOOD):
        found = _named(arrays, name.removeprefix(GOOD), role)
        return replace(found, good=True)
    same = [one for one in arrays if one.name == name]
    same = same or [one for one in arrays if one.name.lower() == name.lower()]
    if not same:
        there = ", ".join(one.name for one in arrays)
        raise RolesError(f"there is no {name!r} for {role}; there are: {there}")
    return same[0]


def _forms(one: Held) -> list[str]:
    """A name and what it may stand for, the surest first.

    ``spectrum.flux`` and ``spectrum_flux`` are a flux, ``flam_err`` and ``err_flam`` an error.
    """
    whole, last = plain(one.name), plain(re.split(r"[./:]", one.name)[-1])
    bare = re.match(rf"({'|'.join(EXTRACTIONS)})_(.+)", one.name.lower())
    last = plain(bare[2]) if bare else last
    forms = [whole, last, whole.removeprefix("spectrum")]
    # Not of values of objects: FLUX_Z is one in the z band.
    for word in NAMES["flux"] if one.along == "pixels" else ():
        forms += [last.removeprefix(word), last.removesuffix(word)]
    return list(dict.fromkeys(form for form in forms if form))


def _strange_to(flux: Held | None, one: Held) -> tuple[bool, bool]:
    """Whether a name has nothing of the flux's, which others of its kind may: FLAM_IVAR of FLAM."""
    later = one.name.lower().startswith(EXTRACTIONS[1:])
    if flux is None:
        return later, True
    group = flux.name.rpartition(".")[0]
    beside = bool(group) and one.name.rpartition(".")[0] == group
    return later, not beside and plain(flux.name) not in plain(one.name)


def _fits(role: str, one: Held) -> bool:
    return one.along == ("rows" if role in ROW_ROLES else "pixels")


def _by_name(arrays: Sequence[Held], found: Mapping[str, Held]) -> list[tuple[str, Held]]:
    out: dict[str, Held] = {}
    for role, names in NAMES.items():
        if role in found:
            continue
        free = [one for one in arrays if one not in out.values() and _fits(role, one)]
        flux = out.get("flux", found.get("flux"))
        candidates = [
            (at, names.index(form), _strange_to(flux, one), one)
            for one in free
            for at, form in enumerate(_forms(one))
            if form in names
        ]
        if candidates:
            out[role] = min(candidates, key=lambda candidate: candidate[:3])[3]
    return list(out.items())


def _by_ucd(arrays: Sequence[Held], found: Mapping[str, Held]) -> list[tuple[str, Held]]:
    out: dict[str, Held] = {}
    for one in arrays:
        for beginning, role in UCDS:
            if one.ucd.lower().startswith(beginning):
                if role not in found and role not in out and _fits(role, one):
                    out[role] = one
                break
    return list(out.items())


def _by_unit(arrays: Sequence[Held], found: Mapping[str, Held]) -> list[tuple[str, Held]]:
    """Wavelengths and flux that only their units tell."""
    out: list[tuple[str, Held]] = []
    pixels = [one for one in arrays if one.along == "pixels"]
    if not {"wave", "loglam"} & found.keys():
        out += [("wave", one) for one in pixels if is_spectral(one.unit)][:1]
    if "flux" not in found:
        out += [("flux", one) for one in pixels if is_flux_density(one.unit)][:1]
    return out


def _drop_spare(found: dict[str, Held], left: list[Held]) -> None:
    """Keep one of several that say the same."""
    weight = "ivar" in found and not set(_forms(found["ivar"])).isdisjoint(WEIGHTS)
    if weight and {"error", "variance"} & found.keys():
        left.append(found.pop("ivar"))
    for better, worse in (("ivar", "error"), ("ivar", "variance"), ("error", "variance")):
        if better in found and worse in found:
            left.append(found.pop(worse))
    if "loglam" in found and "wave" in found:
        left.append(found.pop("loglam"))


def _add_sides(found: dict[str, Held], left: list[Held]) -> None:
    """Errors that are given below and above become one."""
    sides = _both_sides(left)
    if sides is not None:
        below, above, found["error"] = sides
        left.remove(below)
        left.remove(above)


def _both_sides(arrays: Sequence[Held]) -> tuple[Held, Held, Held] | None:
    """Errors below and above, and what stands for both: their quadratic mean; None for none."""
    pixels = {plain(one.name): one for one in arrays if one.along == "pixels"}
    for name, below in pixels.items():
        match = _BELOW.match(name)
        above = None if match is None else next(
            (pixels[match[1] + word] for word in _ABOVE if match[1] + word in pixels), None
        )  # fmt: skip
        if above is not None:
            return below, above, _joined(below, above)
    return None


def _joined(below: Held, above: Held) -> Held:
    def load(rows: slice) -> Any:
        lower, upper = below.load(rows), above.load(rows)
        if isinstance(lower, list):
            return [_mean(*pair) for pair in zip(lower, upper, strict=True)]
        return _mean(lower, upper)

    return Held(
        f"{below.name}, {above.name}", "pixels", below.unit, "",
        f"{below.where or below.name} and {above.where or above.name}", load,
        parts=(below.name, above.name),
    )  # fmt: skip


def _mean(lower: Any, upper: Any) -> Any:
    return np.sqrt((np.square(lower, dtype=np.float64) + np.square(upper, dtype=np.float64)) / 2)


def _missing(role: str, arrays: Sequence[Held]) -> str:
    what = {"flux": "which array is the flux", "wave": "where the wavelengths are"}[role]
    listed = [f"{one.name} [{one.unit}]" if one.unit else one.name for one in arrays]
    there = ", ".join(listed[:LISTED]) or "no array at all"
    if len(listed) > LISTED:
        there += f" and {len(listed) - LISTED} more"
    return f"cannot tell {what} among: {there}; say it with --column {role}=NAME"
