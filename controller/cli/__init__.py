"""The command line: one module a command; `main` ties them together, `terminal` is what they share."""
