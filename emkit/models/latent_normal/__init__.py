"""Tables of any columns as one normal behind them: numbers by ranks, categories by intervals."""
