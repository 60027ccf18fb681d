"""Exported networks: written from torch, and classification with them where torch is not."""
