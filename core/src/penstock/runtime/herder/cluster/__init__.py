"""The herder of a cluster: one worker's decisions, by records and assignments that all share."""
