"""Containers of the wrong kind were an AttributeError, and errors spoke of the command line."""

import numpy as np
import pytest
from astropy.table import Table

from gasnet3 import bridges


@pytest.mark.parametrize("bridge", ["from_table", "from_pandas", "from_xarray"])
def test_another_kind_of_container_is_told(bridge: str) -> None:
    with pytest.raises(TypeError, match="list is no"):
        getattr(bridges, bridge)([1.0])


def test_errors_name_the_argument() -> None:
    table = Table({"wave": np.linspace(4000, 9000, 50), "foo": np.ones(50)})
    with pytest.raises(ValueError, match=r"say it with columns=\{'flux': 'NAME'\}"):
        bridges.from_table(table)
