"""Folders of Hugging Face's diffusers: read (`folders`), written (`export`)."""
