"""INTEGRAL dashboard: the road from a request to a combined product."""

__version__ = "0.1.0"
