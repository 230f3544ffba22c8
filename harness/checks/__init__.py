"""Whether what was true still holds: parts of `harness check`, its outcomes, its history, and its reports."""
