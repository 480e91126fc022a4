"""Recorded days and stays, lived again without sockets: backtest, replay, what foresight would have cost."""
