"""The commands that ask a running worker, Penstock's or the original's, through its REST API."""
