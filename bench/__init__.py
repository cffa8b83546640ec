"""Measures Jobhopper's speed: `make bench` runs all of it and prints a table.

Each measure runs three times and the median is told, with the least and the most beside it.
Figures are not comparable between machines; ratios within one run are.
"""
