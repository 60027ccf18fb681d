"""The figures and tables of the GaSNet-III paper."""
