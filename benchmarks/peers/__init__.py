"""Other people's classifiers, run on the same spectra as ours."""
