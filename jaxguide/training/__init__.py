"""Training of diffusion priors: losses, optimisers, loops, checkpoints."""
