"""The hopper on a real Valkey, filled from a real MySQL."""
