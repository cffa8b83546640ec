"""The dead-letter queue, as operators see it: looked through, sent back, dropped."""
