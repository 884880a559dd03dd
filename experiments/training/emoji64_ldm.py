"""The embedded latent model: Noto emoji by category, on 16 x 16 x 4 latents.

  jaxguide train experiments/training/emoji64_ldm.py \\
      --data DIR --out runs/emoji64_ldm

The first stage is `emoji64_kl.py`'s, exported to `runs/emoji64_kl_model`. As
in the released class-conditional model, the class is a token of the
transformers' context and the schedule scaled-linear; one label in ten is
withheld, for classifier-free guidance.
"""

from jaxguide import training


def get_config() -> training.LatentPriorTraining:
  """The configuration of the shipped latent model."""
  return training.LatentPriorTraining(
      name="emoji64_ldm",
      image_size=64,
      images=training.beside(__file__, "noto32.py").images,
      first_stage="runs/emoji64_kl_model",
      module=dict(
          in_channels=4,
          out_channels=4,
          model_channels=64,
          channel_mult=(1.0, 1.5),
          num_res_blocks=1,
          attention_factors=(2,),
          # As in `noto32.py`: the width goes where it pays.
          conv_resample=False,
          num_head_channels=32,
          transformer_depth=1,
          context_width=64,
          num_groups=16,
      ),
      train_module=dict(dropout=0.0),
      batch_size=16,
      learning_rate=8e-4,
      num_steps=8_000,
      decay_steps=2_500,
      weight_limit=50.0,
      log_every=250,
      checkpoint_every=250,
      picture_every=1_000,
  )
