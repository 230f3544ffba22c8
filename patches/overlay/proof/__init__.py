"""The proof of the loss: which loss was the first batch trained with? It shares no code with the losses it checks."""
