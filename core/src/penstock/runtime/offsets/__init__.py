"""Source offsets: which may be stored, and where they are stored."""
