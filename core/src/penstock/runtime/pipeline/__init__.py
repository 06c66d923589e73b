"""What happens to records between a plugin's task and the broker: transforms and converters."""
