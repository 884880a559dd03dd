"""What a run writes down: rows, summaries, tables, grids, comparisons."""
