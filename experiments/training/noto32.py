"""The embedded prior: Noto emoji at 32 x 32 pixels.

  jaxguide train experiments/training/noto32.py \\
      --data DIR --out runs/noto32

DIR holds `noto64.npz` and `emoji_index.json`. About 0.8 GFLOP per image and
forward pass, so that the demo runs in minutes on two CPU cores: resampling
without convolutions keeps the width where it pays, at 16 and 8 pixels.
"""

from jaxguide import data
from jaxguide import training
from jaxguide.data import training_images


def get_config() -> training.EpsPriorTraining:
  """The configuration of the shipped prior."""
  return training.EpsPriorTraining(
      name="noto32",
      image_size=32,
      images=training_images.IndexedImages(
          file="noto64.npz",
          index="emoji_index.json",
          names=data.CATEGORIES,
          # They hold text or are chiral: a mirror image would be no emoji.
          unmirrored=("Symbols", "Flags"),
          licence="Apache-2.0; trained on Noto Emoji (Google, Apache-2.0)",
      ),
      module=dict(
          in_channels=3,
          out_channels=3,
          model_channels=64,
          channel_mult=(0.5, 1.5, 2.5),
          num_res_blocks=1,
          attention_factors=(4,),
          num_head_channels=32,
          resblock_updown=False,
          conv_resample=False,
          # Four channels per group at the finest level: 32 groups of one
          # channel would erase the mean colour.
          num_groups=8,
      ),
      train_module=dict(dropout=0.05),
      # Small batches make the most of few images per second: two CPU cores
      # see about 60.
      batch_size=16,
      learning_rate=8e-4,
      num_steps=15_000,
      decay_steps=4_000,
      weight_limit=50.0,
      log_every=250,
      checkpoint_every=250,
  )
