"""What a file holds and how it is understood."""
