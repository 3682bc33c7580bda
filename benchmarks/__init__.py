"""What is measured: one script per claim, JSON out."""

if __name__ != "selfcue.benchmarks":  # pragma: no cover
    msg = "write 'selfcue.benchmarks', not 'benchmarks'"
    raise ImportError(msg)
