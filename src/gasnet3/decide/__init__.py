"""One answer out of the candidates, and how far to trust it."""
