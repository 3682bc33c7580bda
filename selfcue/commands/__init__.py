"""The kernel's own commands; rooms bring theirs through entry points of group ``selfcue.commands``."""
