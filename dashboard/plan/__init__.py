"""How a request is cut into batches that stay the same when the request grows."""
