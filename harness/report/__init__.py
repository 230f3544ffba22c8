"""A judged table as text and figures; the only package that rounds."""
