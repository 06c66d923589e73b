"""Benchmarks: Penstock and the JVM original in turn, on one broker, in one run; ratios count."""
