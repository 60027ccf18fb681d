"""Spectra and catalogs to and from the containers of other packages.

specutils, pandas, xarray and h5py are imported when a function needs them; each is an extra:
``pip install 'gasnet3[specutils]'`` and so on.
"""

from __future__ import annotations

from gasnet3.bridges.datasets import from_xarray, to_xarray
from gasnet3.bridges.frames import catalog_from_pandas, catalog_to_pandas, from_pandas, to_pandas
from gasnet3.bridges.specutils import from_specutils, to_specutils
from gasnet3.bridges.tables import from_table, to_table

__all__ = [
    "catalog_from_pandas",
    "catalog_to_pandas",
    "from_pandas",
    "from_specutils",
    "from_table",
    "from_xarray",
    "to_pandas",
    "to_specutils",
    "to_table",
    "to_xarray",
]
