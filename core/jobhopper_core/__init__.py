"""The shared library of Jobhopper's services.

Floors, lowest first: `errors`, `model`, then `store` and `leases`, then `flows`.
"""
