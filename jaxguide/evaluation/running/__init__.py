"""How a run runs: batches, compiled functions, makers of pictures, fits."""
