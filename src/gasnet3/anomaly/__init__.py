"""Strange spectra: scores, kinds, and a sentence that says why."""
