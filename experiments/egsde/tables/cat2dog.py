"""EGSDE: cat to dog, and the effect of M and of each expert.

Wanted on the disk: `models/afhq_dog`, `models/cat2dog_dse` (released, or
trained here; see experiments/egsde/README.md) and `data/afhq/val/cat`, AFHQ's
500 cats of val/cat. FID needs `data/afhq/val/dog` and the Inception network
too.

Published rows are the mean and deviation over seeds (probably 5: written down
from memory, not compared with the paper); votes are the percentage of people
who preferred EGSDE to the row's method. Rows of GANs and votes are quoted as
published and never run. The paper studies the effect of M (`egsde_m300` is M =
0.3 T) and of the experts too; its numbers are not known here.
"""

import dataclasses

import egsde_parts

from jaxguide import evaluation

SOURCE = "Zhao et al., NeurIPS 2022, cat to dog"
COLUMNS = (*egsde_parts.COLUMNS, "votes")
TAKEN = "a GAN, the number from another paper, never run here"
EXTRACTOR = egsde_parts.extractor("cat2dog_dse")

PUBLISHED = (
    *evaluation.published(
        SOURCE, ("fid",), {
            "CycleGAN": (85.9,),
            "MUNIT": (104.4,),
            "DRIT": (123.4,),
            "Distance": (155.3,),
            "SelfDistance": (144.4,),
            "GCGAN": (96.6,),
            "LSeSim": (72.8,),
            "ITTR (CUT)": (68.6,),
        }, num_images=500, note=TAKEN),
    *evaluation.published(
        SOURCE, COLUMNS, {
            "StarGAN v2": (
                (54.88, 1.01), (133.65, 1.54), (10.63, 0.10), (0.27, 0.003),
                None),
        }, num_images=500, note=egsde_parts.GAN),
    *evaluation.published(
        SOURCE, COLUMNS, {
            "CUT": (76.21, 59.78, 17.48, 0.601, 79.6),
        }, num_images=500, note=TAKEN),
    *evaluation.published(
        SOURCE, COLUMNS, {
            "ILVR": (
                (74.37, 1.55), (56.95, 0.14), (17.77, 0.02), (0.363, 0.001),
                75.4),
            "SDEdit": (
                (74.17, 1.01), (47.88, 0.06), (19.19, 0.01), (0.423, 0.001),
                65.2),
            "EGSDE": (
                (65.82, 0.77), (47.22, 0.08), (19.31, 0.02), (0.415, 0.001),
                None),
            "EGSDE-dagger": (
                (51.04, 0.37), (62.06, 0.10), (17.17, 0.02), (0.361, 0.001),
                None),
        }, num_images=500),
)


def _row(method):
  return egsde_parts.translation(
      egsde_parts.dog_prior(),
      egsde_parts.images(
          "data/afhq/val/cat", origin="AFHQ's 500 cats of val/cat"),
      method, PUBLISHED)


def _changed(**fields):
  """EGSDE with other settings than the published ones."""
  method = evaluation.egsde_published(EXTRACTOR, variant="released")
  return _row(dataclasses.replace(method, **fields))


TABLE = evaluation.Table(
    title="EGSDE: cat to dog",
    rows={
        **egsde_parts.rows(_row, EXTRACTOR),
        # Without its weight the extractor is not even loaded.
        "egsde_no_domain": lambda: _changed(domain_weight=0.0),
        "egsde_no_lowpass": lambda: _changed(lowpass_weight=0.0),
        # A larger M should lower FID and raise L2.
        "egsde_m300": lambda: _changed(first_level=300),
        "egsde_m400": lambda: _changed(first_level=400),
        "egsde_m600": lambda: _changed(first_level=600),
        "egsde_m700": lambda: _changed(first_level=700),
    })
