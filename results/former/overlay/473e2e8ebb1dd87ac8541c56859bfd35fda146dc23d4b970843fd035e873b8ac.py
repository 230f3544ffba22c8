"""What patched upstreams import: losses, models and the probe, written once for all of them."""
