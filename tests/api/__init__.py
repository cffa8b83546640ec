"""What the HTTP API promises, tried on a really started server."""
