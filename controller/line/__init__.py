"""The line of one decision: from what is known to what may leave, pure; each stage may only lower."""
