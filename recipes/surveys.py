"""Files as surveys deliver them: is each read, and does the answer agree with the survey's?

Every file of the shared raw folder is read by its reader, classified with the shipped networks,
and compared with ``truth.csv`` there; DESI's with what redrock found.

    python recipes/surveys.py --page docs/raw-truth.md --plots /tmp/not-right

``--plots`` draws each one that is not right, to see why; what was seen is told in ``SEEN``.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from gasnet3.catalog import read_catalog
from gasnet3.evaluate.evaluation import AGN_Z_MAX
from gasnet3.evaluate.metrics import THRESHOLDS, delta_z, is_good
from gasnet3.flags import Notes, ZWarn, names
from gasnet3.io import ReadError, find_reader, find_spectra, read_file
from gasnet3.io.inspect.believable import FEATURES_FROM
from gasnet3.io.inspect.inspecting import inspect_file
from gasnet3.machine.files import replacing
from gasnet3.pipeline.pipeline import Pipeline
from gasnet3.report.figures import plot_closeup, save_figure
from gasnet3.run.local import classify_files
from gasnet3.spectra.lines import LINES

RAW = Path(__file__).resolve().parents[2] / "shared" / "data" / "raw"
LIMITS = THRESHOLDS["paper"]
Floats = NDArray[np.float64]

SEEN = {
    "1655-53523-0204": "a broad-line AGN in its galaxy: Hα and Hβ are broad and lopsided. SDSS's "
    "subclass is AGN without BROADLINE, so that the rule for those does not hold. The redshift is "
    "right, and the class is flagged as ambiguous.",
    "3655-55240-0070": "a faint quasar. The redshifts differ by less than the survey's own error.",
    "3655-55240-0958": "the model follows the absorbed edge of Lyα and puts C IV and C III] a "
    "little to the blue of where they are: just beyond the limit. It is not flagged, as "
    "Z_UNCERTAIN is about errors that are larger (0.015 in ln(1 + z) for quasars).",
    "2751-54243-0269": "a quasar with broad absorption lines. The model takes the narrow "
    "absorption on top of C IV for the line's place.",
    "0266-51630-0227": "narrow lines of a galaxy, and a weak broad Hα. spectro1d of DR7 calls this "
    "QSO, which has a quasar's and a galaxy's fit equally good here. The redshift is right.",
    "39089837499744649": "one strong line at 5045 Å. At redrock's redshift it is [O III] 5007, at "
    "ours [O II]; the table has what there is at the places of the other lines. [O III] 4960, "
    "always a third of 5008, is not there. More flux on its red side than on its blue side speaks "
    "for Lyα, which no galaxy of the default networks has in range. We flag the redshift.",
}
"""Why a spectrum is not right, as its picture shows it; by its id."""

SHOWN_LINES = ("Lyα", "N V", "C IV", "[O II]", "Hβ", "[O III]", "Hα")


@dataclass(frozen=True)
class Compared:
    """One spectrum beside the survey's answer.

    Attributes
    ----------
    folder, file, id : str
        Which it is.
    cls, sub : str
        The survey's class, ``SKY`` for a sky fibre, and subclass.
    z, z_err : float
        The survey's redshift, NaN where it has none, and its error.
    row : Row of the catalog
        What gasnet3 says.
    """

    folder: str
    file: str
    id: str
    cls: str
    sub: str
    z: float
    z_err: float
    row: Any

    @property
    def class_right(self) -> bool:
        """Whether the classes agree; a broad-line AGN may be GALAXY or QSO."""
        if self.cls == "SKY":
            return int(self.row["zwarn"]) != 0
        agn = "BROADLINE" in self.sub.upper() and abs(self.z) < AGN_Z_MAX
        return str(self.row["class"]) in (("GALAXY", "QSO") if agn else (self.cls,))

    @property
    def error(self) -> float:
        """Δz of eq. 14; NaN where the survey has no redshift."""
        if self.cls == "SKY" or not np.isfinite(self.z):
            return float("nan")
        return float(delta_z([self.row["z"]], [self.z])[0])

    @property
    def z_right(self) -> bool:
        """Whether the redshifts agree (GF of the paper, eq. 18), where the survey has one."""
        if not np.isfinite(self.error):
            return bool(np.isnan(self.error))
        return bool(is_good([self.row["z"]], [self.z], LIMITS[self.cls])[0])

    @property
    def right(self) -> bool:
        """Whether there is nothing to explain."""
        return self.class_right and self.z_right


def compared(raw: Path, catalog: Table) -> Iterator[Compared]:
    """The spectra of the truth table, each beside its row of the catalog."""
    rows = {str(row["file"]): row for row in catalog}
    folders = {path.name: path.parent.name for path in raw.glob("*/*")}
    with (raw / "truth.csv").open() as stream:
        for told in csv.DictReader(stream):
            file, z = told["file"], float(told["z"])
            row = rows[file]
            known = z if z > -1.0 else float("nan")
            who = (folders[file], file, str(row["id"]))
            yield Compared(*who, told["cls"], told["sub"], known, float(told["zerr"]), row)


def beside_redrock(raw: Path, catalog: Table) -> list[tuple[str, Any, Any]]:
    """DESI targets for which redrock has a redshift without a warning: file, its row, ours."""
    rows = {str(row["id"]): row for row in catalog}
    found = []
    for path in sorted(raw.glob("desi/redrock-*.fits")):
        answers = Table.read(path, "REDSHIFTS")
        for answer in answers:
            if int(answer["ZWARN"]) == 0:
                found.append((path.name, answer, rows[str(int(answer["TARGETID"]))]))
    return found


def files_table(raw: Path, catalog: Table, spectra: Sequence[Compared]) -> list[str]:
    """A line a folder: how many files are read, and how many answers are right."""
    lines = [
        "| folder | reader | files read | spectra | answers | class right | redshift right "
        "| scatter over error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    read = {str(name) for name in catalog["file"]}
    for folder in sorted(path for path in raw.iterdir() if path.is_dir()):
        files = [path for path in sorted(folder.iterdir()) if path.name in read]
        readers = ", ".join(sorted({find_reader(path).name for path in files}))
        count = int(np.isin(catalog["file"], [path.name for path in files]).sum())
        here = [one for one in spectra if one.folder == folder.name]
        with_z = [one for one in here if np.isfinite(one.error) or one.error == np.inf]
        lines.append(
            f"| {folder.name} | {readers} | {len(files)} of {len(list(folder.iterdir()))} "
            f"| {count} | {len(here)} | {sum(one.class_right for one in here)} "
            f"| {sum(one.z_right for one in with_z)} of {len(with_z)} | {_ratios(files)} |"
        )
    return lines


def _ratios(files: Sequence[Path]) -> str:
    """What ``gasnet3 inspect`` finds of the errors: median and range over files of S/N < 30."""
    reports = [inspect_file(path)[0] for path in files]
    ratios = [report.noise_ratio for report in reports if report.sn[1] < FEATURES_FROM]
    return f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else ""


def wrong_table(spectra: Sequence[Compared]) -> list[str]:
    """Each one that is not right, and what its picture shows."""
    lines = [
        "| file | S/N | the survey says | gasnet3 says | Δz | Δχ² | flags and notes |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in spectra:
        row = one.row
        said = f"{one.cls} {one.sub}".strip()
        said += f" {one.z:.5f} ± {one.z_err:.2g}" if np.isfinite(one.z) else ""
        lines.append(
            f"| {one.file} | {row['sn_median']:.1f} | {said} | {_ours(row)} "
            f"| {one.error:.2g} | {row['delta_chi2']:.0f} | {_flags(row)} |"
        )
    lines.append("")
    lines += [f"- **{one.file}**: {SEEN.get(one.id, 'not looked at yet.')}" for one in spectra]
    return lines


def redrock_table(raw: Path, pairs: Sequence[tuple[str, Any, Any]]) -> list[str]:
    """DESI's targets beside redrock's answers."""
    lines = [
        "| target | S/N | redrock says | its Δχ² | gasnet3 says | Δz | our Δχ² | flags and notes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for _, theirs, row in pairs:
        error = float(delta_z([row["z"]], [float(theirs["Z"])])[0])
        lines.append(
            f"| {row['id']} | {row['sn_median']:.2f} "
            f"| {str(theirs['SPECTYPE']).strip()} {float(theirs['Z']):.5f} "
            f"| {float(theirs['DELTACHI2']):.0f} | {_ours(row)} | {error:.2g} "
            f"| {row['delta_chi2']:.0f} | {_flags(row)} |"
        )
    lines.append("")
    for _, theirs, row in pairs:
        agree = is_good([row["z"]], [float(theirs["Z"])], LIMITS[str(theirs["SPECTYPE"]).strip()])
        if not agree[0]:
            lines.append(f"**{row['id']}**: {SEEN.get(str(row['id']), 'not looked at yet.')}")
            lines += ["", *lines_table(raw, str(row["id"]), float(theirs["Z"]), float(row["z"]))]
    return lines


def lines_table(raw: Path, name: str, theirs: float, ours: float) -> list[str]:
    """What there is at the places of strong lines, at two redshifts, over its error."""
    spectra = find_spectra([str(path) for path in raw.glob("desi/coadd-*.fits")], [name])[name]
    flux, ivar = (values[0].astype(np.float64) for values in (spectra.flux, spectra.ivar))
    lines = [f"| line | redrock, z = {theirs:.5f} | gasnet3, z = {ours:.5f} |", "|---|---|---|"]
    for line in LINES:
        if line.name not in SHOWN_LINES:
            continue
        both = [
            line_significance(flux, ivar, float(spectra.lattice.index(line.wave * (1 + z))))
            for z in (theirs, ours)
        ]
        if np.isfinite(both).any():
            shown = (f"{value:.1f} σ" if np.isfinite(value) else "" for value in both)
            lines.append(f"| {line.name} {line.wave:.0f} | {' | '.join(shown)} |")
    return lines


def line_significance(flux: Floats, ivar: Floats, place: float) -> float:
    """Area of a line of σ = 2 pixels above a local constant, over its error; NaN if off."""
    if not 30 < place < len(flux) - 30:
        return float("nan")
    near = slice(round(place) - 30, round(place) + 31)
    x = np.arange(near.start, near.stop) - place
    design = np.stack([np.exp(-0.5 * (x / 2.0) ** 2), np.ones_like(x)])
    covariance = np.linalg.inv((design * ivar[near]) @ design.T)
    area = covariance @ ((design * ivar[near]) @ flux[near])
    return float(area[0] / np.sqrt(covariance[0, 0]))


def sky_line(spectra: Sequence[Compared]) -> str:
    """What became of the sky fibres."""
    sky = [one for one in spectra if one.cls == "SKY"]
    clean = sum(int(one.row["zwarn"]) == 0 for one in sky)
    beside = [int(one.row["zwarn"]) & ~int(ZWarn.SKY) for one in sky]
    return (
        f"Of {len(sky)} sky fibres {clean} got a redshift without a warning; "
        f"{sum(bits != 0 for bits in beside)} of them would be flagged if the file did not say "
        "that they are sky."
    )


def _ours(row: Any) -> str:
    cls = str(row["class"])
    return f"{cls} {row['z']:.5f}" if cls else "none"


def _flags(row: Any) -> str:
    noted = names(int(row["notes"]), Notes)
    return ", ".join(names(int(row["zwarn"])) + noted) or "none"


def page(raw: Path, catalog: Table, failures: Sequence[tuple[str, str]]) -> str:
    """The text of the page."""
    spectra = list(compared(raw, catalog))
    wrong = [one for one in spectra if not one.right]
    no_z = [one.file for one in spectra if one.cls != "SKY" and not np.isfinite(one.z)]
    limits = ", ".join(f"{cls} {limit:g}" for cls, limit in LIMITS.items())
    return "\n".join(
        [
            "# Survey files and their answers",
            "",
            "Written by `recipes/surveys.py`: files as surveys deliver them, read by their "
            "[readers](surveys.md), classified with the shipped networks (hybrid solver) and "
            "compared with the surveys' own answers. This tests the way from file to answer; "
            "networks have seen some of these objects in training, so accuracy is told "
            "[elsewhere](accuracy.md).",
            "",
            f"A redshift is right if Δz = |z - z_survey| / (1 + z_survey) is below: {limits}. "
            f"A broad-line AGN below z = {AGN_Z_MAX} may be GALAXY or QSO.",
            "",
            *files_table(raw, catalog, spectra),
            "",
            "The last column is what `gasnet3 inspect` tells of the errors: how much neighbouring "
            "pixels scatter over what the errors say, of files with a S/N below "
            f"{FEATURES_FROM:g}.",
            "",
            *(f"`{name}` is not read: {reason}." for name, reason in failures),
            "",
            f"The survey has no redshift (-9999) of {', '.join(no_z)}: its class alone counts.",
            "",
            sky_line(spectra),
            "",
            f"## Not right: {len(wrong)} of {len(spectra)}",
            "",
            *wrong_table(wrong),
            "",
            "## DESI beside redrock",
            "",
            "The targets that redrock has an answer for without a warning:",
            "",
            *redrock_table(raw, beside_redrock(raw, catalog)),
            "",
        ]
    )


def draw(raw: Path, catalog: Table, directory: Path) -> None:
    """Pictures of the spectra that are not right, and of DESI's."""
    pipeline = Pipeline.load()
    directory.mkdir(parents=True, exist_ok=True)
    wanted = [one.id for one in compared(raw, catalog) if not one.right]
    for path in sorted(raw.glob("*/*")):
        try:
            spectra = read_file(path)
        except ReadError:
            continue
        for row, name in enumerate(spectra.ids.tolist()):
            if name in wanted or (path.parent.name == "desi" and spectra.n_good[row]):
                figure = plot_closeup(pipeline.inspect(spectra, row))
                save_figure(figure, directory / f"{name}.png")


def main() -> None:
    """Classify, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--raw", type=Path, default=RAW)
    parser.add_argument("--page", type=Path, required=True)
    parser.add_argument("--plots", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        result = classify_files(
            [str(path) for path in sorted(options.raw.glob("*/*"))], Path(scratch, "raw.parquet")
        )
        catalog = read_catalog(result.output)
    failures = [(failure.path.name, failure.reason) for failure in result.failures]
    text = page(options.raw, catalog, failures)
    with replacing(options.page) as temporary:
        temporary.write_text(text)
    print(text)
    if options.plots:
        draw(options.raw, catalog, options.plots)


if __name__ == "__main__":
    main()
