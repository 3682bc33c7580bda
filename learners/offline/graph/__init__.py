"""Methods that learn from attributed graphs."""
