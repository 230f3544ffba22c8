"""The losses, for PyTorch, TensorFlow and NumPy: equations, samplers, lean forms, and their names and options."""
