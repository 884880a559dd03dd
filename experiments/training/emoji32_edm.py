"""The embedded EDM prior: Noto emoji at 32 x 32 pixels, as `noto32.py`.

  jaxguide train experiments/training/emoji32_edm.py \\
      --data DIR --out runs/emoji32_edm

DDPM++ in Karras et al.'s preconditioning, with their distribution of sigmas.
"""

from jaxguide import training


def get_config() -> training.EdmPriorTraining:
  """The configuration of the shipped EDM prior."""
  return training.EdmPriorTraining(
      name="emoji32_edm",
      image_size=32,
      images=training.beside(__file__, "noto32.py").images,
      module=dict(
          img_resolution=32,
          in_channels=3,
          out_channels=3,
          model_channels=32,
          channel_mult=(1, 2, 3),
          channel_mult_emb=4,
          num_blocks=1,
          attn_resolutions=(8,),
      ),
      # No dropout: a few ten epochs do not overfit two million parameters.
      train_module=dict(dropout=0.0),
      # Measured on the train split: 0.608.
      sigma_data=0.6,
      batch_size=16,
      learning_rate=1e-3,
      num_steps=6_000,
      decay_steps=2_000,
      log_every=250,
      checkpoint_every=250,
      picture_every=1_000,
  )
