"""The whole of Jobhopper as processes on this machine, against real stores: `make stack`.

Tests and benchmarks use the same pieces.
"""
