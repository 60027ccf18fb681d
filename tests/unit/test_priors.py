"""Priors on redshifts: read, found by id, and what they add to χ²."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.table import Table

from gasnet3.solve.priors import FUNCTIONS, Priors, PriorsError
from gasnet3.spectra.lattice import shift_from_z


def _write(path: Path, **columns: object) -> Path:
    Table(columns).write(path)
    return path


def _penalty(priors: Priors, ids: list[str], z: float, error: float = 0.0) -> list[float]:
    shift = torch.from_numpy(np.atleast_1d(shift_from_z(z)))
    return priors.of(ids, "cpu").penalty(shift, error)[:, 0].tolist()


def test_a_file_of_redrock(tmp_path: Path) -> None:
    path = tmp_path / "priors.fits"
    _write(
        path, TARGETID=[39627, 39628, 39629], Z=[0.5, 1.0, 2.0], SIGMA=[0.1, 0.1, 0.2],
        FUNCTION=["gaussian", "lorentzien", "tophat"],
    )  # fmt: skip
    priors = Priors.read(path)
    ids = ["39629", "nobody", "39627", "39628"]
    # At 0.6: 0.2 wide about 2 is over; (0.1 / 0.1)²; 2 ln(1 + 4²).
    np.testing.assert_allclose(
        _penalty(priors, ids, 0.6), [np.inf, 0.0, 1.0, 2 * np.log(17.0)], rtol=1e-9
    )
    assert _penalty(priors, ["39629"], 2.09) == [0.0]
    assert _penalty(priors, ["39629"], 2.11) == [np.inf]


def test_no_prior_is_narrower_than_the_error_it_is_asked_with(tmp_path: Path) -> None:
    priors = Priors.read(_write(tmp_path / "p.csv", id=["a"], z=[1.0], sigma=[1e-9]))
    assert _penalty(priors, ["a"], 1.0001)[0] > 1e9
    pixels = float(shift_from_z(1e-3))
    assert _penalty(priors, ["a"], 1.002, pixels)[0] == pytest.approx(1.0, rel=0.01)


def test_rows_go_with_their_spectra(tmp_path: Path) -> None:
    path = _write(tmp_path / "p.ecsv", id=["a", "b"], z=[1.0, 2.0], z_err=[0.1, 0.3])
    prior = Priors.read(path).of(["b", "x", "a"], "cpu")
    assert prior.rows(torch.tensor([2, 0])).z.tolist() == [1.0, 2.0]
    assert torch.isnan(prior.z[1])


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"id": ["a"], "z": [1.0]}, "needs the columns id"),
        ({"id": ["a", "a"], "z": [1.0, 2.0], "sigma": [0.1, 0.1]}, "'a' has more than one"),
        ({"id": ["a"], "z": [-1.5], "sigma": [0.1]}, r"row 1 \(a\): z = -1.5"),
        ({"id": ["a"], "z": [1.0], "sigma": [0.0]}, "a width above 0"),
        ({"id": ["a"], "z": ["x"], "sigma": [0.1]}, "column z holds no numbers"),
        ({"id": ["a"], "z": [1.0], "sigma": [0.1], "function": ["box"]}, "no prior 'box'"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, columns: dict[str, object], problem: str
) -> None:
    with pytest.raises(PriorsError, match=problem):
        Priors.read(_write(tmp_path / "p.csv", **columns))


def test_a_change_changes_the_digest(tmp_path: Path) -> None:
    made = [
        Priors.read(_write(tmp_path / f"{i}.csv", id=["a"], z=[1.0], sigma=[s], function=[f]))
        for i, (s, f) in enumerate([(0.1, FUNCTIONS[0]), (0.2, FUNCTIONS[0]), (0.1, FUNCTIONS[1])])
    ]
    assert len({priors.digest for priors in made}) == 3
