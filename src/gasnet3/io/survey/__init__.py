"""Readers of surveys' own layouts."""
