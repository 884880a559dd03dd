"""EGSDE: male to female.

Wanted on the disk: `models/celebahq_female_ddpm`, `models/male2female_dse`
(released, or trained here; see experiments/egsde/README.md) and
`data/celeba_hq/val/male`, the 1000 men of val/male in StarGAN v2's split. FID
needs `data/celeba_hq/train/female` and the Inception network too.

The published rows were written down from memory and not compared with the
paper: verify before quoting. The row of the GAN is quoted and never run. FID
is `fid_egsde_faces`: before it, the released program normalises the pictures
twice in this task.
"""

import egsde_parts

from jaxguide import evaluation
from jaxguide.metrics import preprocessing

SOURCE = "Zhao et al., NeurIPS 2022, male to female"
COLUMNS = ("fid_egsde_faces", *egsde_parts.COLUMNS[1:])

PUBLISHED = (
    *evaluation.published(
        SOURCE, COLUMNS, {
            "CUT": (31.94, 46.61, 19.87, 0.74),
        }, num_images=1000, recalled=True, note=egsde_parts.GAN),
    *evaluation.published(
        SOURCE, COLUMNS, {
            "ILVR": (
                (46.12, 0.33), (52.17, 0.10), (18.59, 0.02), (0.510, 0.001)),
            "SDEdit": (
                (49.43, 0.47), (43.70, 0.03), (20.03, 0.01), (0.572, 0.000)),
            "EGSDE": (
                (41.93, 0.11), (42.04, 0.03), (20.35, 0.01), (0.574, 0.000)),
            "EGSDE-dagger": (
                (30.61, 0.19), (53.44, 0.09), (18.32, 0.02), (0.510, 0.001)),
        }, num_images=1000, recalled=True),
)


def _row(method):
  return egsde_parts.translation(
      evaluation.ConvertedPrior(
          path="models/celebahq_female_ddpm",
          checkpoint="celebahq_female_ddpm.pth", card="celebahq_female_ddpm",
          origin="the model of women released with EGSDE"),
      egsde_parts.images(
          "data/celeba_hq/val/male",
          origin="the 1000 men of val/male in StarGAN v2's split"),
      method, PUBLISHED, targets="data/celeba_hq/train/female",
      prepared=preprocessing.EGSDE_FACES)


TABLE = evaluation.Table(
    title="EGSDE: male to female",
    rows=egsde_parts.rows(
        _row, egsde_parts.extractor("male2female_dse"),
        # The network has no learned variance.
        variance="fixed_small"))
