"""Methods that learn to rank items."""
