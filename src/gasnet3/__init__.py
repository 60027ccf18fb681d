"""gasnet3."""
