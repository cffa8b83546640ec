"""What services do with the floors below: settle writes, end leases, wake timers."""
