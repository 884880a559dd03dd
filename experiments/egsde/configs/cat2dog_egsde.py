"""EGSDE: cat to dog.

  python experiments/evaluate.py --out results/cat2dog_egsde \\
      --config experiments/egsde/configs/cat2dog_egsde.py

Wanted: `models/afhq_dog` (from `afhq_dog_4m.pt`), `models/cat2dog_dse` (from
`cat2dog_dse.pt`, or trained here; see README.md) and `data/afhq/val/cat`,
AFHQ's 500 cats of val/cat. FID needs `data/afhq/val/dog` and
`checkpoints/pt_inception-2015-12-05-6726825d.pth`; without the latter it is
left out.

Published, mean and deviation over seeds (5, if memory serves); votes are the
percentage of people who preferred EGSDE to the row's method:

                        FID          L2        PSNR        SSIM       votes
  StarGAN v2     54.88±1.01 133.65±1.54  10.63±0.10  0.27±0.003           -
  CUT                 76.21       59.78       17.48       0.601        79.6
  ILVR           74.37±1.55  56.95±0.14  17.77±0.02 0.363±0.001        75.4
  SDEdit         74.17±1.01  47.88±0.06  19.19±0.01 0.423±0.001        65.2
  EGSDE          65.82±0.77  47.22±0.08  19.31±0.02 0.415±0.001           -
  EGSDE-dagger   51.04±0.37  62.06±0.10  17.17±0.02 0.361±0.001           -

FID alone: CycleGAN 85.9, MUNIT 104.4, DRIT 123.4, Distance 155.3,
SelfDistance 144.4, GCGAN 96.6, LSeSim 72.8, ITTR (CUT) 68.6. Rows of GANs and
votes are quoted as published and never run.

Weights 500 and 2, M = 500 of 1000 levels, every level visited. The variant is
"released", as the tables were most likely made so: the source's noise is
drawn once. The algorithm as the paper prints it, with a fresh one in every
step, is --set method.variant=paper. A row is the mean and deviation over 5
seeds.
"""

from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.evaluation import methods
from jaxguide.evaluation import set_scores
from jaxguide.evaluation import sources
from jaxguide.evaluation import tables
from jaxguide.evaluation import tasks

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
SOURCE = "Zhao et al., NeurIPS 2022, cat to dog"
COLUMNS = ("fid", "l2_egsde", "psnr_egsde", "ssim", "votes")
QUOTED = "a GAN, never run here"
TAKEN = "a GAN, the number from another paper, never run here"

PUBLISHED = tables.published(
    SOURCE, ("fid",), {
        "CycleGAN": (85.9,),
        "MUNIT": (104.4,),
        "DRIT": (123.4,),
        "Distance": (155.3,),
        "SelfDistance": (144.4,),
        "GCGAN": (96.6,),
        "LSeSim": (72.8,),
        "ITTR (CUT)": (68.6,),
    }, num_images=500, note=TAKEN) + tables.published(
    SOURCE, COLUMNS, {
        "StarGAN v2": (
            (54.88, 1.01), (133.65, 1.54), (10.63, 0.1), (0.27, 0.003), None),
    }, num_images=500, note=QUOTED) + tables.published(
    SOURCE, COLUMNS, {
        "CUT": (76.21, 59.78, 17.48, 0.601, 79.6),
    }, num_images=500, note=TAKEN) + tables.published(
    SOURCE, COLUMNS, {
        "ILVR": (
            (74.37, 1.55), (56.95, 0.14), (17.77, 0.02), (0.363, 0.001), 75.4),
        "SDEdit": (
            (74.17, 1.01), (47.88, 0.06), (19.19, 0.01), (0.423, 0.001), 65.2),
        "EGSDE": (
            (65.82, 0.77), (47.22, 0.08), (19.31, 0.02), (0.415, 0.001), None),
        "EGSDE-dagger": (
            (51.04, 0.37), (62.06, 0.1), (17.17, 0.02), (0.361, 0.001), None),
    }, num_images=500)


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  extractor = sources.ConvertedExtractor(
      path="models/cat2dog_dse", checkpoint="cat2dog_dse.pt",
      card="egsde_dse", origin="released with EGSDE")
  experiment = evaluation.Experiment(
      name="cat2dog_egsde",
      prior=sources.ConvertedPrior(
          path="models/afhq_dog",
          checkpoint="afhq_dog_4m.pt", card="afhq_dog",
          origin="the AFHQ dog model released with ILVR"),
      data=sources.FolderImages(
          path="data/afhq/val/cat", size=256,
          resize="center_crop_bicubic",
          origin="AFHQ's 500 cats of val/cat"),
      task=tasks.Translation(),
      method=methods.egsde_published(
          extractor, variant="released"),
      metrics=metrics.egsde_metrics(),
      batch_size=8,
      seed=1234,
      samples_per_image=5,
      spread="seeds",
      published=PUBLISHED,
      set_metrics=metrics.installed_inception(INCEPTION),
      set_reference=set_scores.FolderPictures("data/afhq/val/dog"),
  )
  return experiment.tiny() if smoke else experiment
