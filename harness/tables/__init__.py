"""From run results and published numbers to a judged table; no path, no store, no rounding."""
