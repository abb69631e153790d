"""The demonstration on S&P 500 history."""
