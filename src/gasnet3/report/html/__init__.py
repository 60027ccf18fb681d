"""The report: one page of a catalog, for any browser, without a server or a network."""
