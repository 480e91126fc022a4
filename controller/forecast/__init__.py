"""The forecast of surplus: what the sun will leave over when the house has taken its own.

Pure: `sun` (geometry, clear sky), `answers` (what a source said), `surplus` (the model learned from the
grid meter), `climate` (clear sky by the clearness of late), `spread` (quantiles), `outlook` (all of them
together), `skill`. Sources are one small module each, with a parser that takes bytes; `forecaster` is what
the shell owns.
"""
