"""The modes a worker runs in: the runtime and the REST API put together, until told to stop."""
