"""What Jobhopper speaks of: jobs, their states, writes, queues, keys, and their limits."""
