"""The parts of `harness check`, its outcomes, history and reports."""
