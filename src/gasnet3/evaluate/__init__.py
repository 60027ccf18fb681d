"""Catalogs against answers that are known: surveys' and inspectors'."""
