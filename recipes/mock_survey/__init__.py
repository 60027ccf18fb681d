"""The mock survey the shipped networks are trained on, and the real spectra added to it."""
