"""The generative networks, their cards and their registry."""
