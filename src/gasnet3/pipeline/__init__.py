"""The whole way from spectra to the columns of the catalog, in memory."""
