"""What every other package stands on: errors, configuration, files, processes, Git, and plain values."""
