"""The simulated observatory: stands alone, reached over HTTP only."""
