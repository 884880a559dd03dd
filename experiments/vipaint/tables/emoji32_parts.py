"""What both tables of VIPaint at 32 x 32 have in common."""

import vipaint_parts

from jaxguide import evaluation

# No perceptual term, as in the paper's experiment with EDM. Chosen on eight
# emoji of the valid split, two samples each, with rotated windows (LPIPS and
# PSNR; the published start, with scale 16, has 0.299 and 13.8 dB without
# `marginal`):
#
#   tau_1 = h_1 (std_scale) and little noise on mu_0    0.279  13.8
#   the same with `marginal`                            0.225  16.6
#   missing pixels start at the pictures' mean, 0.5     0.192  17.9
#   scales 4, 8, 16, 32                         0.193 0.191 0.192 0.208
#   levels at 3.0 and 1.6 in the place of 1.75 and 0.9  0.209  17.2
#   rates of mu 0.04 and 0.25 in the place of 0.1       0.221  16.6, 0.201  17.4
#   mixing logits from 1 in the place of 4              0.229  15.4
#
# `docs/systems/vipaint/results.md` has what else was tried.
METHOD = evaluation.Vipaint(
    num_levels=2, num_steps=50, scale=8.0, fill=0.5, std_scale=0.2**0.5,
    mean_scale_top=0.05, remat=False)


def row(
    masks: str, method: evaluation.Method, prior: str = "emoji32_edm"
) -> evaluation.Experiment:
  """A row on the embedded emoji under one family of masks."""
  return vipaint_parts.of_emoji(
      prior, evaluation.EmbeddedImages("noto32"),
      vipaint_parts.inpainting(masks), method)
