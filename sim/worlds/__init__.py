"""Worlds as plain data, each laid out anew from a seed."""
