"""Methods that learn from windows of time series."""
