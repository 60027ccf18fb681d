"""Strange spectra made of ordinary ones, and how many of them are found."""
