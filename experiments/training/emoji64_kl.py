"""The embedded autoencoder: Noto emoji, 64 x 64 pixels to 16 x 16 x 4.

  jaxguide train experiments/training/emoji64_kl.py \\
      --data DIR --out runs/emoji64_kl

With LPIPS of AlexNet in the loss (the extra `lpips`), without a discriminator:
emoji are flat colours and edges, which need none.
"""

from jaxguide import training


def get_config() -> training.AutoencoderTraining:
  """The configuration of the shipped first stage."""
  return training.AutoencoderTraining(
      name="emoji64_kl",
      image_size=64,
      images=training.beside(__file__, "noto32.py").images,
      module=dict(
          in_channels=3,
          out_channels=3,
          model_channels=16,
          channel_mult=(1, 2, 4),
          num_res_blocks=1,
          attention_factors=(),
          mid_attention=True,
          z_channels=4,
          latent_channels=4,
          # Four channels per group at the finest level, as in the prior.
          num_groups=4,
      ),
      batch_size=8,
      learning_rate=1e-3,
      warmup_steps=200,
      num_steps=3_500,
      decay_steps=1_400,
      weight_decay=1e-4,
      ema_decay=0.999,
      log_every=250,
      checkpoint_every=250,
      picture_every=500,
  )
