"""Spectra and catalogs to and from the containers of other packages.

specutils, pandas, xarray and h5py are imported when a function needs them; each is an extra:
``pip install 'gasnet3[specutils]'`` and so on.
"""

from __future__ import annotations

from gasnet3.bridges.specutils import from_specutils, to_specutils

__all__ = [
    "from_specutils",
    "to_specutils",
]
