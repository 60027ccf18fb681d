"""Spectra on a lattice: batches, resampling, wavelengths in air, lines, joined arms."""

from gasnet3.spectra.batch import Spectra as Spectra
