"""The base of all packages: errors, configuration, files, processes, Git, and plain values."""
