"""Code that patched upstreams import: losses, models and the probe, shared by all of them."""
