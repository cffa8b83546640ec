"""The conformance suite of the store, and what only SQLite has to show."""
