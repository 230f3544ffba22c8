"""Judged tables from run results and published numbers; no paths, no store, no rounding."""
