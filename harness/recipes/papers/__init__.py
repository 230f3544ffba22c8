"""The published numbers and statements of papers, as typed values."""
