"""A redshift that is masked in a table of priors became the number under the mask: 0, often."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import MaskedColumn, Table

from gasnet3.solve.priors import Priors, PriorsError


@pytest.mark.parametrize("name", ["z", "sigma"])
def test_a_masked_number_is_none(tmp_path: Path, name: str) -> None:
    columns = {"id": ["a", "b"], "z": [0.5, 0.7], "sigma": [0.1, 0.2]}
    columns[name] = MaskedColumn(columns[name], mask=[False, True])
    Table(columns).write(tmp_path / "p.ecsv")
    with pytest.raises(PriorsError, match=r"row 2 \(b\)"):
        Priors.read(tmp_path / "p.ecsv")


def test_a_masked_function_is_the_usual_one(tmp_path: Path) -> None:
    function = MaskedColumn(["tophat", "tophat"], mask=[False, True])
    table = Table({"id": ["a", "b"], "z": [0.5, 0.7], "sigma": [0.1, 0.2], "function": function})
    table["picture"] = [[[1.0]], [[2.0]]]  # what is not a prior's is not looked at
    table.write(tmp_path / "p.ecsv")
    assert Priors.read(tmp_path / "p.ecsv").function.tolist() == [2, 0]
