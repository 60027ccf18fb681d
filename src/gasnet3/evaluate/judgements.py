"""What people say of spectra, in a CSV file that is whole at every moment.

A file is rewritten for every judgement: read again under a lock, written to a temporary name,
flushed to the disk, renamed. So a crash or a full disk leaves the file as it was, two programs on
one file each find what the other wrote, and there is never a torn line to guess at; a person's
file has thousands of rows, which take milliseconds.
"""

from __future__ import annotations

import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gasnet3.classes import CLASSES
from gasnet3.errors import GasnetError
from gasnet3.evaluate.sheet import Sheet, SheetError
from gasnet3.machine.files import replacing
from gasnet3.machine.lock import LockError, locked

QUALITIES = {
    4: "sure: two or more secure features",
    3: "probable: one secure feature and the continuum, or many weak features",
    2: "possible: one strong feature, but not sure which",
    1: "unlikely: there is signal, but nothing in it is identified",
    0: "no signal",
}
"""What VI_QUALITY says of class and redshift, the scale of DESI's prospect."""

ISSUES = {
    "R": "the redshift of the catalog is wrong",
    "C": "the class of the catalog is wrong",
    "S": "the spectrum is bad: sky lines, cosmic rays, joins",
}
"""Letters of VI_ISSUE, as in prospect; several are written together."""

COLUMNS = {
    "id": "id",
    "scanner": "VI_SCANNER",
    "quality": "VI_QUALITY",
    "cls": "VI_CLASS",
    "z": "VI_Z",
    "issue": "VI_ISSUE",
    "comment": "VI_COMMENT",
    "time": "VI_TIME",
}
"""Column of each field of a :class:`Judgement`."""

ALIASES = {"TARGETID": "id", "VI_SPECTYPE": "VI_CLASS"}
"""Names that prospect gives to the same columns."""

LONGEST = 10_000
"""Most characters of a text; readers of CSV have limits."""

PATIENCE = 5.0
"""Seconds to wait for another program that is writing the same file."""


class JudgementError(GasnetError, ValueError):
    """A file of judgements cannot be read or written; the message says where and what to do."""


@dataclass(frozen=True)
class Judgement:
    """What one person says of one spectrum.

    Parameters
    ----------
    id : str
        The spectrum, by the id of the catalog.
    scanner : str
        Who judged; '' is filled in when it is saved.
    quality : int or None
        0 to 4, see :data:`QUALITIES`; None where not said.
    cls : {'STAR', 'GALAXY', 'QSO', ''}
        The class, '' where not said.
    z : float or None
        The redshift, None where not said.
    issue : str
        Letters of :data:`ISSUES`, or words.
    comment : str
        Anything.
    time : str
        ISO 8601, UTC; '' is filled in when it is saved.
    extra : mapping of str to str
        Cells of further columns that people added to the file, where they are not empty.

    Raises
    ------
    ValueError
        If there is no id, or quality, class or redshift are none.
    """

    id: str
    scanner: str = ""
    quality: int | None = None
    cls: str = ""
    z: float | None = None
    issue: str = ""
    comment: str = ""
    time: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("id is empty: a judgement is of a spectrum")
        for name in ("id", "scanner", "issue", "comment", "time"):
            if len(getattr(self, name)) > LONGEST:
                raise ValueError(f"{COLUMNS[name]} is longer than {LONGEST} characters; shorten it")
        if self.quality is not None and self.quality not in QUALITIES:
            raise ValueError(f"VI_QUALITY is {self.quality}: it is a whole number from 0 to 4")
        if self.cls and self.cls not in CLASSES:
            known = ", ".join(CLASSES)
            raise ValueError(f"VI_CLASS is {self.cls!r}: it is one of {known}, or empty")
        if self.z is not None and not (math.isfinite(self.z) and self.z > -1):
            raise ValueError(f"VI_Z is {self.z}: it is a number above -1, or empty")

    @property
    def says(self) -> bool:
        """Whether anything is said: a row may have no more than an id."""
        told = (self.cls, self.issue, self.comment)
        return self.quality is not None or self.z is not None or any(told)

    @property
    def when(self) -> float:
        """Seconds since 1970, or -inf where the time is not said or no ISO 8601."""
        try:
            moment = datetime.fromisoformat(self.time)
        except ValueError:
            return -math.inf
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def cells(self) -> dict[str, str]:
        """The text of each column, the further ones last."""
        values = {column: getattr(self, name) for name, column in COLUMNS.items()}
        own = {name: "" if value is None else str(value) for name, value in values.items()}
        return own | dict(self.extra)


def read_judgements(path: str | Path, scanner: str | None = None) -> list[Judgement]:
    """Read the judgements of a file, whoever wrote it, in the order of the file.

    Columns may come in any order, their names in any case; ``TARGETID`` and ``VI_SPECTYPE`` of
    prospect are understood. Only ``id`` must be there, and one of the others. Cells may be
    divided by comma, semicolon or tab; a byte order mark is let pass. Of a scanner who is named
    only the rows are read: what is wrong in others' is not looked at. A person may have judged a
    spectrum more than once. JudgementError, for a bad value with the line, if it cannot be read.
    """
    path = Path(path)
    sheet = _sheet(path)
    found = []
    for line, row in sheet.numbered():
        if scanner is not None and row.get("VI_SCANNER", "").strip() != scanner:
            continue
        try:
            found.append(_parsed(row, decimal_comma=sheet.delimiter != ","))
        except ValueError as error:
            raise JudgementError(f"{path}, line {line}: {error}") from None
    return found


def latest(judgements: list[Judgement]) -> dict[tuple[str, str], Judgement]:
    """The last word of each person on each spectrum, by (id, scanner).

    What has the later time is the last word; of two at one time, or without a time, the one that
    comes later in the list.
    """
    last: dict[tuple[str, str], Judgement] = {}
    for judgement in judgements:
        key = (judgement.id, judgement.scanner)
        if key not in last or judgement.when >= last[key].when:
            last[key] = judgement
    return last


class JudgementFile:
    """The judgements of one person, saved as they are made.

    Parameters
    ----------
    path : str or Path
        A CSV file; it need not exist. Other people's rows and columns in it are kept.
    scanner : str
        Who judges.

    Raises
    ------
    JudgementError
        If the scanner has no name, or the file cannot be read or written.
    """

    def __init__(self, path: str | Path, scanner: str) -> None:
        self.path = Path(path).resolve()  # a link stays a link
        self.scanner = scanner.strip()
        if not self.scanner:
            raise JudgementError("who judges? give a name or initials for VI_SCANNER")
        if self.path.suffix.lower() != ".csv":
            raise JudgementError(f"{self.path}: judgements are kept as CSV; name a file in .csv")
        self._check_writable()
        self.latest()

    def latest(self) -> dict[str, Judgement]:
        """This person's last word on each spectrum, by id, as it is in the file now.

        Empty where there is no file; JudgementError as of :func:`read_judgements`.
        """
        if not self.path.exists():
            return {}
        last = latest(read_judgements(self.path, self.scanner))
        return {name: judgement for (name, _), judgement in last.items()}

    def record(self, judgement: Judgement) -> Judgement:
        """Save a judgement, in the place of an older one of the same person and spectrum.

        When it returns the judgement, as it was saved, is on the disk. Scanner and time are filled
        in where they are ''. JudgementError if it was not saved; the file is then as it was.
        """
        judgement = dataclasses.replace(
            judgement,
            scanner=judgement.scanner or self.scanner,
            time=judgement.time or datetime.now(UTC).isoformat(timespec="milliseconds"),
        )
        self._rewrite(lambda sheet: sheet.put(judgement.cells(), key=("id", "VI_SCANNER")))
        return judgement

    def withdraw(self, name: str) -> None:
        """Take back what this person said of a spectrum; cells of further columns stay.

        JudgementError if that was not saved; the file is then as it was.
        """
        key = {"id": name, "VI_SCANNER": self.scanner}
        self._rewrite(lambda sheet: sheet.take_out(key, COLUMNS.values()))

    def _rewrite(self, change: Callable[[Sheet], None]) -> None:
        """Read the file, change it and write it, while no other program does."""
        try:
            with self._locked():
                self._check_writable()
                sheet = _sheet(self.path) if self.path.exists() else Sheet(list(COLUMNS.values()))
                change(sheet)
                _write(sheet, self.path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise JudgementError(
                f"{self.path}: not saved, {reason}; the file is as it was"
            ) from error

    def _check_writable(self) -> None:
        # A rename would replace a file that its owner has protected; root passes os.access.
        if not self.path.parent.is_dir():
            raise JudgementError(f"{self.path}: there is no directory {self.path.parent}; make it")
        there = self.path.exists()
        if there and not self.path.is_file():
            raise JudgementError(f"{self.path}: is no file; name another")
        protected = there and not self.path.stat().st_mode & 0o222
        if protected or (there and not os.access(self.path, os.W_OK)):
            raise JudgementError(f"{self.path}: is write-protected; name another file")
        if not os.access(self.path.parent, os.W_OK):
            raise JudgementError(f"{self.path}: its directory is write-protected; name another")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        deadline = time.monotonic() + PATIENCE
        lock = self.path.with_name(f".{self.path.name}.lock")
        with ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(locked(lock, str(self.path)))
                    break
                except LockError as error:
                    if time.monotonic() > deadline:
                        raise JudgementError(f"not saved: {error}") from None
                time.sleep(0.02)
            yield


def write_judgements(judgements: list[Judgement], path: str | Path) -> None:
    """Write judgements as a new file, in order, whole or not at all; a file there is replaced."""
    further = sorted({name for judgement in judgements for name in judgement.extra})
    sheet = Sheet([*COLUMNS.values(), *further])
    for judgement in judgements:
        cells = judgement.cells()
        sheet.rows.append([cells.get(name, "") for name in sheet.header])
    _write(sheet, Path(path))


def _write(sheet: Sheet, path: Path) -> None:
    old = path.stat() if path.exists() else None
    with replacing(path) as temporary:
        with temporary.open("wb") as file:
            file.write(sheet.encoded())
            file.flush()
            os.fsync(file.fileno())
        if old is not None:  # who could write the file before still can
            with suppress(OSError):
                os.chown(temporary, -1, old.st_gid)
            temporary.chmod(old.st_mode)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot; the new name is there all the same
            os.fsync(directory)
    finally:
        os.close(directory)


def _sheet(path: Path) -> Sheet:
    try:
        sheet = Sheet.decoded(path.read_bytes(), list(COLUMNS.values()), ALIASES)
    except OSError as error:
        raise JudgementError(f"{path}: cannot be read, {error.strerror or error}") from error
    except SheetError as error:
        raise JudgementError(f"{path}{error}") from None
    missing = [name for name in COLUMNS.values() if name not in sheet.names]
    if "id" in missing or len(missing) == len(COLUMNS) - 1:
        raise JudgementError(
            f"{path} is no file of judgements: it has {', '.join(sheet.header) or 'no columns'}, "
            f"but needs id and some of {', '.join(list(COLUMNS.values())[1:])}"
        )
    return sheet


def _parsed(row: dict[str, str], *, decimal_comma: bool) -> Judgement:
    cells = {name: row.get(column, "") for name, column in COLUMNS.items()}
    return Judgement(
        id=cells["id"],
        scanner=cells["scanner"].strip(),
        quality=_quality(cells["quality"].strip()),
        cls=cells["cls"].strip().upper(),
        z=_redshift(cells["z"].strip(), decimal_comma=decimal_comma),
        issue=cells["issue"],
        comment=cells["comment"],
        time=cells["time"].strip(),
        extra={name: cell for name, cell in row.items() if cell and name not in COLUMNS.values()},
    )


def _quality(text: str) -> int | None:
    """The quality; tables with gaps make 4.0 of 4, and prospect writes -1 for none."""
    if text.lower() in ("", "-1", "nan", "--"):
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if value not in QUALITIES:
        raise ValueError(f"VI_QUALITY is {text!r}: write a whole number from 0 to 4, or nothing")
    return int(value)


def _redshift(text: str, *, decimal_comma: bool) -> float | None:
    if text.lower() in ("", "nan", "--"):
        return None
    try:
        return float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        raise ValueError(f"VI_Z is {text!r}: write a number, or nothing") from None
