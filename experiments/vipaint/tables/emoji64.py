"""VIPaint on a latent diffusion model of emoji with classes, 64 x 64.

Prior and images come with the package: of 64 held-out emoji the first 16 are
meant to be taken (--limit 16), 4 samples each from one fit, 50 steps below
T_s, the lowest level that VIPaint fits. The distance in the fit of the
inpainting is LPIPS, so the extra `lpips` has to be installed (--set
method.perceptual=none does without). --set method.variant=released has the
released formulas. The results: docs/systems/vipaint/results.md.
"""

import dataclasses

import vipaint_parts

from jaxguide import evaluation
from jaxguide import variational

# Chosen on eight emoji of the valid split, scale and guidance with one sample
# each and the published start, the start then with two samples:
#
# * the gradient's scale is the published one and there is no guidance (LPIPS
#   0.327, 0.305, 0.300, 0.314, 0.327, 0.386 for scales 1/2, 1, 2, 4, 8, 16
#   without guidance; 0.304, 0.313, 0.357, 0.368 for 2 to 16 with guidance 3);
# * the start has less noise than the published one: none on the encoding, 0.1
#   on mu_0, tau_1 = h_1, and missing pixels at the pictures' mean (LPIPS 0.266
#   and 17.3 dB in the place of 0.288 and 16.8, with `marginal`; 0.295 and 16.5
#   without either).
METHOD = evaluation.Vipaint(
    levels=variational.LEVELS[2], num_steps=50, scale=2.0, fill=0.5,
    std_scale=0.2**0.5, mean_scale_top=0.1, encoding_noise=0.0,
    perceptual=evaluation.InstalledLpips(), remat=False)


def _row(task, method):
  return vipaint_parts.of_emoji(
      "emoji64_ldm", evaluation.EmbeddedImages("noto64", 64), task, method,
      conditions=(evaluation.EmbeddedLabels("noto64"),))


def _vipaint(masks, levels):
  return _row(
      vipaint_parts.inpainting(masks),
      dataclasses.replace(METHOD, levels=variational.LEVELS[levels]))


def _unguided(masks):
  """Samples of the image's class that know nothing of its pixels."""
  return _row(
      vipaint_parts.inpainting(masks), evaluation.Ddim(num_steps=50, eta=1.0))


def _restored(task):
  """No perceptual term, as in the paper.

  The gradient's scale was chosen on eight emoji of the valid split, two
  samples each. Super-resolution: 8 has LPIPS 0.193 and 22.8 dB, 32 has 0.235
  and 20.2 (bicubic 0.312 and 19.8). Deblurring: 8 has 0.233 and 21.2 dB, 32
  has 0.272 and 19.1 (the observation 0.541 and 17.2).
  """
  return _row(task, dataclasses.replace(METHOD, perceptual=None, scale=8.0))


TABLE = evaluation.Table(
    title="VIPaint on a latent diffusion model of emoji",
    rows={
        "rotated_ddim": lambda: _unguided("rotated"),
        "rotated_vipaint1": lambda: _vipaint("rotated", 1),
        "rotated_vipaint2": lambda: _vipaint("rotated", 2),
        "rotated_vipaint4": lambda: _vipaint("rotated", 4),
        "random_ddim": lambda: _unguided("random"),
        "random_vipaint1": lambda: _vipaint("random", 1),
        "random_vipaint2": lambda: _vipaint("random", 2),
        "random_vipaint4": lambda: _vipaint("random", 4),
        "small_ddim": lambda: _unguided("small"),
        "small_vipaint1": lambda: _vipaint("small", 1),
        "small_vipaint2": lambda: _vipaint("small", 2),
        "small_vipaint4": lambda: _vipaint("small", 4),
        "sr_x4": lambda: _restored(vipaint_parts.super_resolution()),
        "deblur": lambda: _restored(vipaint_parts.deblurring()),
    })
