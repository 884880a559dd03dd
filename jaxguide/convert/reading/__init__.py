"""Readers of checkpoint files, which execute nothing that a file holds.

`torch_reader.read_checkpoint` tells the container by its first bytes; `weights`
finds a network's tensors among a file's. `safetensors` writes too.
"""
