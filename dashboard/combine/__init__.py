"""Running sums over batches; numpy in, numpy out, no I/O."""
