"""The REST API, as Apache Kafka Connect shapes it; what is our own lives under ``/penstock``."""
