"""What the methods learn from: one frozen type per family, and the registry of known data sets."""
