"""Looking at spectra and judging them."""
