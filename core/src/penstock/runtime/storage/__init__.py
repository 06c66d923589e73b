"""The internal topics of a cluster: what their records say, and what the whole topic means."""
