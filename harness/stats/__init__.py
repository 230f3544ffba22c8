"""From ranks to metrics to tests: arrays in, numbers out."""
