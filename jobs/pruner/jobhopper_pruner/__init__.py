"""The pruner: a monthly job that silences stale jobs in chunks, and can take it back."""
