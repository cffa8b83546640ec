"""One module a schema revision, in order; a release's last one is its schema version."""
