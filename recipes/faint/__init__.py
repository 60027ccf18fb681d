"""What answers are worth on faint spectra; ``python recipes/validate.py --faint`` runs it."""
