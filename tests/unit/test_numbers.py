"""How many objects there are of each class at each redshift: read, and what it adds to χ²."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import MaskedColumn, Table

from gasnet3.classes import CLASSES
from gasnet3.solve.numbers import ANYWHERE, Expected, Numbers, NumbersError
from gasnet3.spectra.lattice import ShiftRange, z_from_shift

SHIFTS = {
    "STAR": ShiftRange.from_z(-0.005, 0.005),
    "GALAXY": ShiftRange.from_z(0.0, 1.5),
    "QSO": ShiftRange.from_z(0.0, 5.0),
}


def _numbers(path: Path, **columns: object) -> Numbers:
    Table(columns).write(path, overwrite=True)
    return Numbers.read(path)


def _share(numbers: Numbers, cls: str) -> np.ndarray:
    """p(c, s) at all shifts of a class."""
    expected = numbers.expected(cls, SHIFTS[cls])
    return np.exp(-0.5 * expected.added) / len(SHIFTS[cls]) / len(CLASSES)


def test_shares_are_those_of_the_table_and_a_little_of_everything(tmp_path: Path) -> None:
    z = np.linspace(0.0, 5.0, 51)
    galaxy, qso = np.where(z <= 1.0, 600.0, 0.0), np.where((z >= 1) & (z <= 3), 100.0, 0.0)
    numbers = _numbers(tmp_path / "n.csv", z=z, Galaxy=galaxy, QSO=qso, STAR=np.full(51, 20.0))
    total = {"STAR": 100.0, "GALAXY": 600 * 1.05, "QSO": 100 * 2.1}
    assert numbers.totals == pytest.approx(total)
    for cls in CLASSES:
        frequency = (1 - ANYWHERE) * total[cls] / sum(total.values()) + ANYWHERE / 3
        assert _share(numbers, cls).sum() == pytest.approx(frequency, rel=2e-3)
    # Flat in z, so rising with 1 + z in pixels; beyond it one per cent of the class is spread out.
    share, at = _share(numbers, "GALAXY"), SHIFTS["GALAXY"].z
    inside = share[at < 0.99]
    assert inside[-1] / inside[0] == pytest.approx(1.99, rel=0.01)
    frequency = (1 - ANYWHERE) * 630 / 940 + ANYWHERE / 3
    np.testing.assert_allclose(share[at > 1.11], ANYWHERE * frequency / len(at))
    star = numbers.expected("STAR", SHIFTS["STAR"])
    np.testing.assert_allclose(star.added, star.of_class)
    frequency = (1 - ANYWHERE) * 100 / 940 + ANYWHERE / 3
    assert star.of_class == pytest.approx(-2 * np.log(3 * frequency))


def test_a_class_without_a_column_is_flat_and_as_frequent_as_the_mean(tmp_path: Path) -> None:
    numbers = _numbers(tmp_path / "n.ecsv", z=[0.0, 1.0, 1.5], galaxy=[1.0, 3.0, 0.0])
    assert len(set(numbers.totals.values())) == 1
    for cls in ("STAR", "QSO"):
        np.testing.assert_allclose(numbers.expected(cls, SHIFTS[cls]).added, 0.0, atol=1e-12)
    both = _numbers(tmp_path / "n.ecsv", z=[0.0, 1.0], galaxy=[1.0, 1.0], qso=[3.0, 3.0])
    assert both.totals == {"STAR": 2.0, "GALAXY": 1.0, "QSO": 3.0}


def test_a_class_of_which_there_are_none_is_not_ruled_out(tmp_path: Path) -> None:
    numbers = _numbers(tmp_path / "n.csv", z=[0.0, 1.0], galaxy=[1.0, 1.0], star=[0, 0], qso=[0, 0])
    added = numbers.expected("QSO", SHIFTS["QSO"]).added
    np.testing.assert_allclose(added, -2 * np.log(ANYWHERE))


def test_the_scale_of_a_table_plays_no_part(tmp_path: Path) -> None:
    z, counts = np.linspace(0, 1, 9), np.arange(9.0)
    made = [
        _numbers(tmp_path / "n.csv", z=z, galaxy=scale * counts, qso=scale * counts[::-1])
        for scale in (1.0, 1e6)
    ]
    for cls in CLASSES:
        one, other = (numbers.expected(cls, SHIFTS[cls]).added for numbers in made)
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_a_part_of_the_redshifts_has_its_part_of_the_objects(tmp_path: Path) -> None:
    numbers = _numbers(tmp_path / "n.csv", z=[0.0, 1.0], galaxy=[1.0, 1.0])
    shifts = ShiftRange.from_z(0.0, 0.5)
    some = np.exp(-0.5 * numbers.expected("GALAXY", shifts).added) / len(shifts) / 3
    whole = _share(numbers, "GALAXY")
    # Of the one per cent that may be anywhere all is there.
    assert some.sum() / whole.sum() == pytest.approx(0.5 * 0.99 + 0.01, rel=1e-3)


def test_between_pixels_and_beyond_the_ends_for_arrays_and_tensors() -> None:
    expected = Expected(10, np.array([1.0, 3.0, 2.0]))
    shift = np.array([[10.0, 10.25, 11.5, 12.0], [9.0, 40.0, 11.0, 12.0 - 1e-12]])
    got = expected.penalty(shift)
    np.testing.assert_allclose(got, [[1.0, 1.5, 2.5, 2.0], [1.0, 2.0, 3.0, 2.0]])
    np.testing.assert_array_equal(expected.penalty(torch.from_numpy(shift)).numpy(), got)
    assert Expected(10, np.array([4.0])).penalty(shift).tolist() == [[4.0] * 4] * 2


def test_redshifts_of_the_shifts_are_those_of_the_table(tmp_path: Path) -> None:
    numbers = _numbers(tmp_path / "n.fits", z=[0.0, 0.4, 0.5, 0.6, 5.0], qso=[0.0, 0, 1, 0, 0])
    added = numbers.expected("QSO", SHIFTS["QSO"]).added
    least = z_from_shift(SHIFTS["QSO"].first + added.argmin())
    assert least == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"z": [0.0, 1.0]}, "needs the columns z and one or more of star, galaxy and qso"),
        ({"galaxy": [0.0, 1.0]}, "needs the columns z"),
        ({"z": [0.0], "qso": [1.0]}, "it has 1 rows"),
        ({"z": [0.0, 1.0, 0.5], "qso": [1.0, 1, 1]}, "row 3: z = 0.5; let the redshifts ascend"),
        ({"z": [0.0, 0.0], "qso": [1.0, 1.0]}, "row 2: z = 0"),
        ({"z": [-1.0, 0.0], "qso": [1.0, 1.0]}, "row 1: z = -1; give redshifts above -1"),
        ({"z": [0.0, 1.0], "qso": [1.0, -2.0]}, "row 2: qso = -2; give a number of objects"),
        ({"z": [0.0, 1.0], "qso": [1.0, np.nan]}, "row 2: qso = nan"),
        ({"z": [0.0, 1.0], "qso": MaskedColumn([1.0, 2.0], mask=[1, 0])}, "row 1: qso = nan"),
        ({"z": [0.0, 1.0], "qso": ["a", "b"]}, "column qso holds no numbers"),
        ({"z": [0.0, 1.0], "qso": [0.0, 0.0]}, "no objects in qso"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, columns: dict[str, object], problem: str
) -> None:
    with pytest.raises(NumbersError, match=rf"n\.ecsv.*{problem}"):
        _numbers(tmp_path / "n.ecsv", **columns)


def test_a_change_changes_the_digest(tmp_path: Path) -> None:
    tables: list[dict[str, object]] = [
        {"z": [0.0, 1.0], "qso": [1.0, 2.0]},
        {"z": [0.0, 1.0], "galaxy": [1.0, 2.0]},
        {"z": [0.0, 1.0], "qso": [1.0, 2.5]},
        {"z": [0.0, 1.5], "qso": [1.0, 2.0]},
    ]
    made = [_numbers(tmp_path / "n.csv", **columns) for columns in tables]
    assert len({numbers.digest for numbers in made}) == 4
