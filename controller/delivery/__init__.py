"""Telling people: what is worth a message (`wording`, `outbox`), and how it gets to them (`channels`)."""
