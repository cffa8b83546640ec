"""The demo: real jobs, planned failures, a worker killed on the way, and the accounts."""
