"""EGSDE: cats and wild animals to dogs, with one extractor of three domains.

Wanted on the disk: `models/afhq_dog`, `models/afhq_dse` (released, or trained
here; see experiments/egsde/README.md) and `data/afhq/val`, AFHQ's val with the
folders cat and wild. FID needs `data/afhq/val/dog` and the Inception network
too.

No table of the paper gives numbers for it that are known here.
"""

import egsde_parts

from jaxguide import evaluation


def _row(method):
  return egsde_parts.translation(
      egsde_parts.dog_prior(),
      egsde_parts.images(
          "data/afhq/val", folders=("cat", "wild"),
          origin="AFHQ's val with the folders cat and wild"),
      method)


TABLE = evaluation.Table(
    title="EGSDE: cats and wild animals to dogs",
    rows=egsde_parts.rows(
        _row, egsde_parts.extractor("afhq_dse", card="egsde_dse_afhq3")))
