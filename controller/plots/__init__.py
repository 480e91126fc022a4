"""Pictures; matplotlib is loaded only here and only when asked for."""
