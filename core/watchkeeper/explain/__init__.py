"""Explainability: attributions with a measured fidelity."""
