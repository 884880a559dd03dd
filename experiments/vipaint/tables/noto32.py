"""VIPaint on a variance-preserving pixel prior of emoji, 32 x 32.

All but the prior, `noto32` (ADM, eps, 1000 levels), is as in `emoji32.py`;
nothing was tuned for it. On this schedule --set method.variant=released has
the released formulas in pixels. Of the 64 images that come with the package
the first 16 are meant to be taken (--limit 16).
"""

import emoji32_parts

from jaxguide import evaluation


def _vipaint2(masks):
  return emoji32_parts.row(masks, emoji32_parts.METHOD, prior="noto32")


TABLE = evaluation.Table(
    title="VIPaint on a variance-preserving prior of emoji",
    rows={
        "rotated_vipaint2": lambda: _vipaint2("rotated"),
        "random_vipaint2": lambda: _vipaint2("random"),
        "small_vipaint2": lambda: _vipaint2("small"),
    })
