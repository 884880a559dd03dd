"""VIPaint, Steered Diffusion and SDEdit on an EDM prior of emoji, 32 x 32.

Prior and images come with the package: of 64 held-out emoji the first 16 are
meant to be taken (--limit 16), 4 samples each, those of VIPaint from one fit
and in 50 steps below T_s, the lowest level that it fits. All methods have the
same masks and seeds. --set prior.name=noto32 takes the other prior. The
results: docs/systems/vipaint/results.md.
"""

import dataclasses

import emoji32_parts
import vipaint_parts

from jaxguide import evaluation


def _vipaint(masks, levels):
  return emoji32_parts.row(
      masks, dataclasses.replace(emoji32_parts.METHOD, num_levels=levels))


def _steered(masks):
  """The paper's N, 100 steps, x0 clipped."""
  return emoji32_parts.row(masks, evaluation.steered_paper(
      vipaint_parts.inpainting(masks), clip_x0=True))


def _sdedit(masks):
  """SDEdit under the mask.

  Once from the last level, where the degraded picture is next to pure noise,
  in 100 steps, each of which takes what is observed from the noised picture.
  """
  return emoji32_parts.row(
      masks, evaluation.SdEdit(first_level=1000, num_steps=100))


def _unguided():
  """Samples that know nothing of the image."""
  return emoji32_parts.row(
      "rotated", evaluation.Ddim(num_steps=50, eta=1.0))


TABLE = evaluation.Table(
    title="VIPaint on an EDM prior of emoji",
    rows={
        "rotated_ddim": _unguided,
        "rotated_sdedit": lambda: _sdedit("rotated"),
        "rotated_steered": lambda: _steered("rotated"),
        "rotated_vipaint1": lambda: _vipaint("rotated", 1),
        "rotated_vipaint2": lambda: _vipaint("rotated", 2),
        "rotated_vipaint4": lambda: _vipaint("rotated", 4),
        "random_sdedit": lambda: _sdedit("random"),
        "random_steered": lambda: _steered("random"),
        "random_vipaint1": lambda: _vipaint("random", 1),
        "random_vipaint2": lambda: _vipaint("random", 2),
        "random_vipaint4": lambda: _vipaint("random", 4),
        "small_sdedit": lambda: _sdedit("small"),
        "small_steered": lambda: _steered("small"),
        "small_vipaint1": lambda: _vipaint("small", 1),
        "small_vipaint2": lambda: _vipaint("small", 2),
        "small_vipaint4": lambda: _vipaint("small", 4),
    })
