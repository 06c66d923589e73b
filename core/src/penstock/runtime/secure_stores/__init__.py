"""Key and trust stores as the original names them, read into memory as PEM."""
