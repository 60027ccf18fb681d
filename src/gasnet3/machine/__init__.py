"""What differs from one machine to the next and must not change an answer."""
