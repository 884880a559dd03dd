"""EGSDE: wild animals to dog.

Wanted on the disk: `models/afhq_dog`, `models/wild2dog_dse` (released, or
trained here; see experiments/egsde/README.md) and `data/afhq/val/wild`, AFHQ's
500 wild animals of val/wild. FID needs `data/afhq/val/dog` and the Inception
network too.

The published rows were written down from memory and not compared with the
paper: verify before quoting. FID 50.43 of EGSDE-dagger alone is confirmed, by
the paper's abstract. The row of the GAN is quoted and never run.
"""

import egsde_parts

from jaxguide import evaluation

SOURCE = "Zhao et al., NeurIPS 2022, wild to dog"

PUBLISHED = (
    *evaluation.published(
        SOURCE, egsde_parts.COLUMNS, {
            "CUT": (92.94, 62.21, 17.20, 0.592),
        }, num_images=500, recalled=True, note=egsde_parts.GAN),
    *evaluation.published(
        SOURCE, egsde_parts.COLUMNS, {
            "ILVR": (
                (75.33, 1.22), (63.40, 0.15), (16.85, 0.02), (0.287, 0.001)),
            "SDEdit": (
                (68.51, 0.65), (55.36, 0.05), (17.98, 0.01), (0.343, 0.001)),
            "EGSDE": (
                (59.75, 0.62), (54.34, 0.08), (18.14, 0.01), (0.343, 0.001)),
            "EGSDE-dagger": (
                (50.43, 0.52), (66.52, 0.09), (16.40, 0.01), (0.300, 0.001)),
        }, num_images=500, recalled=True),
)


def _row(method):
  return egsde_parts.translation(
      egsde_parts.dog_prior(),
      egsde_parts.images(
          "data/afhq/val/wild", origin="AFHQ's 500 wild animals of val/wild"),
      method, PUBLISHED)


TABLE = evaluation.Table(
    title="EGSDE: wild animals to dog",
    rows=egsde_parts.rows(_row, egsde_parts.extractor("wild2dog_dse")))
