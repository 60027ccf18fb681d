"""Files as strangers write them: the bundled spectra in forms that nobody agreed with us.

Unlike ``mock_generic.py`` these keep real noise, masks and several spectra, so that classes and
redshifts can be compared with those of the spec files they are made from.
"""

from __future__ import annotations

import numpy as np

from gasnet3.io import ReadOptions
from strangers.columnar_files import (
    big_endian_hdf5,
    mmu_hdf5,
    nested_parquet,
    netcdf,
    sparcl_parquet,
    zarr_store,
)
from strangers.fits_files import (
    awav_log,
    eso_phase3,
    four_most,
    frequencies,
    gama,
    iraf_log,
    jwst_x1d,
    marz,
    masked_columns,
    mpdaf,
    nan_masked,
    nm_and_millijansky,
    scaled_image,
    six_df,
    table_of_rows,
    tables,
    two_df,
    wide,
)
from strangers.samples import Sample, Write, chosen, columns, each, rows, text, together
from strangers.text_files import (
    descending,
    ecsv,
    partial,
    semicolons,
    tidy,
    with_index,
    without_unit_cgs,
    zipped,
)

__all__ = ["FORMS", "TOLD", "Sample", "chosen", "columns", "rows", "text"]

FORMS: dict[str, Write] = {
    "nm and mJy": each(".fits", nm_and_millijansky),
    "frequencies and Jy": each(".fits", frequencies),
    "ESO phase 3": each(".fits", eso_phase3),
    "JWST x1d": each(".fits", jwst_x1d),
    "4MOST": each(".fits", four_most),
    "MUSE": each(".fits", mpdaf),
    "IRAF log": each(".fits", iraf_log),
    "AWAV-LOG": each(".fits", awav_log),
    "Marz": together("marz.fits", marz),
    "GAMA": each(".fit", gama),
    "6dF": each(".fits", six_df),
    "2dF": each(".fits", two_df),
    "ECSV": each(".ecsv", ecsv),
    "MMU": together("mmu.hdf5", mmu_hdf5),
    "big-endian HDF5": together("big.h5", big_endian_hdf5),
    "NetCDF": together("cube.nc", netcdf),
    "nested Parquet": together("nested.parquet", nested_parquet),
    "SPARCL": together("sparcl.parquet", sparcl_parquet),
    "Zarr": together("store.zarr", zarr_store),
    "NaN": each(".fits", nan_masked),
    "mask": each(".fits", masked_columns),
    "descending": each(".csv", descending),
    "no header": each(".csv", lambda p, s: text(p, "", s.wave, s.flux, s.error, mark=",")),
    "two columns": each(".txt", lambda p, s: text(p, "# wave flux", s.wave, s.flux)),
    "tabs": each(
        ".dat",
        lambda p, s: text(p, "loglam\tflux\tivar", np.log10(s.wave), s.flux, s.ivar, mark="\t"),
    ),
    "no unit, cgs": each(".txt", without_unit_cgs),
    "semicolons": each(".csv", semicolons),
    "pandas": each(".csv", with_index),
    "wide": each(".fits", wide),
    "zipped FITS": each(".fits.gz", zipped(nm_and_millijansky)),
    "zipped text": each(".csv.gz", zipped(descending)),
    "integers": each(".fits", scaled_image),
    "table of rows": together("rows.fits", table_of_rows),
    "tables": together("tables.fits", tables),
    "tidy": together("tidy.csv", tidy),
    "5000 to 7000": each(".csv", partial),
}

TOLD = {"6dF": ReadOptions(columns=(("flux", "ROW1"), ("variance", "ROW2")))}
"""What must be said of the forms that do not tell all."""
