"""What galaxies and quasars are made of: velocity dispersions, emission lines, their classes."""
