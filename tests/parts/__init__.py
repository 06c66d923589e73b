"""Real parts for tests, made from package registries alone: a broker, JVM Connect, Java classes."""
