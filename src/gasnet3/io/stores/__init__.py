"""Readers and writers of stores of many spectra."""
