"""DURABLE execution: a run belongs to the store and its worker, not to whoever started it."""
