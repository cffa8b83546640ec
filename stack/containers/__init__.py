"""Stores in containers that tests and the chaos run make, kill, freeze, and remove."""
