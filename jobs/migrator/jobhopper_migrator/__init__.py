"""Brings a database to the schema of this release (Alembic).

Forwards only, from every released schema; a second run changes nothing, and two runs at once
wait for each other.
"""

from jobhopper_migrator.migrate import migrate

__all__ = ["migrate"]
