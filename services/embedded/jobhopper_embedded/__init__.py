"""All of Jobhopper in one process on SQLite: `jobhopper dev`."""
