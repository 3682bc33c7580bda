"""The method that `selfcue new method` copies: it is here so that it is tested like all others."""
