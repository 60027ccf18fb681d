"""From prepared spectra to candidate solutions of each class."""
