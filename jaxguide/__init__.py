"""Guided diffusion sampling with pretrained priors, in JAX."""

__version__ = "0.1.0"
