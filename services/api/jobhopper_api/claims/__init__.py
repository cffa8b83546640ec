"""Claims: short ones and those that wait for work (long polls)."""
