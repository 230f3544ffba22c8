"""Patch series: parse, check, apply and write insert-only patches."""
