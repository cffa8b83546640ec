"""Poison and pressure: what is broken, full, slow or too much, on real stores and processes."""
