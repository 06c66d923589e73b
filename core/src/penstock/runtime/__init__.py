"""What runs plugins: brokers, pipeline, offsets, tasks, hosts and the herder. Private to core."""
