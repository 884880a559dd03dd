"""The extractor of the embedded translation: Twemoji or Noto, 32 x 32 pixels.

  jaxguide train experiments/training/emoji32_extractor.py \\
      --data DIR --out runs/emoji32_extractor

DIR holds `twemoji64.npz`, `noto64.npz` and `emoji_index.json`. Trained from
scratch: 0.23 GFLOP per image and forward pass, 1.1 million parameters (2.3 MB
in float16), features [8, 8, 96]; an update takes about a second where one CPU
core is free. As in the embedded prior, resampling has no
convolutions and norms have several channels per group at every width: the
norm of a lone channel would erase its mean, and with it the colours that tell
the two vendors apart.
"""

from jaxguide import training
from jaxguide.data import training_images


def get_config() -> training.ClassifierTraining:
  """The configuration of the shipped extractor."""
  files = ("twemoji64.npz", "noto64.npz")
  return training.ClassifierTraining(
      name="emoji32_extractor",
      image_size=32,
      images=training_images.Domains(
          train=files,
          held_out=files,
          index="emoji_index.json",
          resize="center_crop_area",
          # 380 of each vendor are there: a third of them costs a minute less
          # per measurement on two CPU cores.
          max_held_out=128,
          licence="Apache-2.0; trained on Noto Emoji (Google, Apache-2.0) and "
          "Twemoji (Twitter, CC-BY 4.0)",
      ),
      module=dict(
          in_channels=3,
          out_channels=2,
          image_size=32,
          model_channels=32,
          channel_mult=(1, 2, 3),
          num_res_blocks=2,
          attention_factors=(4,),
          num_head_channels=32,
          resblock_updown=False,
          conv_resample=False,
          pool="attention",
          head_name="I2Iout",
          num_groups=8,
      ),
      num_steps=4_000,
      # From scratch there is nothing that a higher rate could destroy.
      learning_rate=5e-4,
      # 6,156 images: in epochs each is seen as often as any other.
      order="epochs",
      accuracy_every=1_000,
      checkpoint_every=250,
  )
