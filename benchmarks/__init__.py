"""Other controllers' rules on the same days and the same plant, to measure this one against."""
