"""LiDARs: their packets decoded, from captures and live."""
