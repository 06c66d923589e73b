"""The figures of a worker and its tasks as metrics: names, windows, samples, text."""
