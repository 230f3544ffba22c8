"""A factorised sequential model with gradients by hand, and Adam.

hidden(t) = sum over the last few items of weight[lag] * source[item];   score(t, j) = hidden(t) . target[j] + bias[j]

Row 0 stands for padding: its source vector stays zero, and it is never a candidate.
"""
# mypy: ignore-errors

import numpy as np


class Model:
    def __init__(self, rng, n_items, dim, size):
        self.parameters = {
            "source": (rng.random((n_items + 1, dim)) - 0.5) * 0.2,
            "target": (rng.random((n_items + 1, dim)) - 0.5) * 0.2,
            "bias": np.zeros(n_items + 1),
            "weight": 1.0 / np.arange(1, size + 1),
        }
        self.parameters["source"][0] = 0.0

    def hidden(self, inputs):
        """inputs: (positions, size), newest first. Returns (positions, dim)."""
        vectors = self.parameters["source"][inputs]
        return np.einsum("psd,s->pd", vectors, self.parameters["weight"])

    def scores(self, hidden):
        """Scores of all items, padding's column included: (positions, n_items + 1)."""
        return hidden @ self.parameters["target"].T + self.parameters["bias"]

    def gradients(self, inputs, hidden, by_score):
        """by_score: the loss's gradient by each score, (positions, n_items + 1)."""
        by_hidden = by_score @ self.parameters["target"]
        vectors = self.parameters["source"][inputs]
        by_source = np.zeros_like(self.parameters["source"])
        np.add.at(by_source, inputs, by_hidden[:, None, :] * self.parameters["weight"][None, :, None])
        by_source[0] = 0.0
        return {
            "source": by_source,
            "target": by_score.T @ hidden,
            "bias": by_score.sum(axis=0),
            "weight": np.einsum("psd,pd->s", vectors, by_hidden),
        }


class Adam:
    def __init__(self, parameters, rate):
        self.rate, self.steps = rate, 0
        self.first = {name: np.zeros_like(value) for name, value in parameters.items()}
        self.second = {name: np.zeros_like(value) for name, value in parameters.items()}

    def step(self, parameters, gradients):
        self.steps += 1
        for name, value in parameters.items():
            self.first[name] += 0.1 * (gradients[name] - self.first[name])
            self.second[name] += 0.001 * (gradients[name] * gradients[name] - self.second[name])
            first = self.first[name] / (1 - 0.9**self.steps)
            second = self.second[name] / (1 - 0.999**self.steps)
            value -= self.rate * first / (np.sqrt(second) + 1e-8)
