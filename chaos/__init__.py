"""Faults under load, and a checker that holds every answer against what is there at the end."""
