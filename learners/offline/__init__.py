"""Offline self-supervised methods: one module per published method."""
