"""What the workers of a group say to each other, and how they share. Pure, without exception."""
