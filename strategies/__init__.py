"""Charging strategies: each a class with one pure method; the engine they share is work_function."""
