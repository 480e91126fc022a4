"""What is written down, and read again: one SQLite file, one thread that writes."""
