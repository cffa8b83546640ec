"""The calls of the API: one module a resource, each with the list of its operations."""
