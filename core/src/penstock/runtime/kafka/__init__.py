"""Apache Kafka behind the broker port: librdkafka for records, Apache names for users."""
