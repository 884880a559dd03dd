"""What the published tables of EGSDE have in common: metrics, seeds, methods.

FID is computed where `checkpoints/pt_inception-2015-12-05-6726825d.pth` and
the images of the target domain are; without the first it is left out. Every
image is translated with 5 seeds: a row is the mean and the deviation over
these.

The variant is "released", as the tables were most likely made so: the
source's noise is drawn once. The algorithm as the paper prints it, with a
fresh one in every step, is --set method.variant=paper.
"""

from collections.abc import Callable, Sequence

from jaxguide import evaluation
from jaxguide import metrics
from jaxguide.metrics import preprocessing

INCEPTION = "checkpoints/pt_inception-2015-12-05-6726825d.pth"
COLUMNS = ("fid", "l2_egsde", "psnr_egsde", "ssim")
GAN = "a GAN, never run here"
DOGS = "data/afhq/val/dog"


def dog_prior() -> evaluation.ConvertedPrior:
  """The prior of all tables whose target is a dog."""
  return evaluation.ConvertedPrior(
      path="models/afhq_dog", checkpoint="afhq_dog_4m.pt", card="afhq_dog",
      origin="the AFHQ dog model released with ILVR")


def images(
    path: str, origin: str, folders: tuple[str, ...] = ()
) -> evaluation.FolderImages:
  """Source images, brought to 256 x 256."""
  return evaluation.FolderImages(
      path=path, size=256, resize="center_crop_bicubic", folders=folders,
      origin=origin)


def extractor(
    name: str, card: str = "egsde_dse"
) -> evaluation.ConvertedExtractor:
  """An extractor released with EGSDE, "cat2dog_dse"."""
  return evaluation.ConvertedExtractor(
      path=f"models/{name}", checkpoint=f"{name}.pt", card=card,
      origin="released with EGSDE")


def translation(
    prior: evaluation.ConvertedPrior,
    sources: evaluation.FolderImages,
    method: evaluation.Method,
    published: Sequence[evaluation.Published] = (),
    targets: str = DOGS,
    prepared: preprocessing.Preprocessing = preprocessing.PYTORCH_FID,
) -> evaluation.Experiment:
  """A row: sources translated by a method, realism against the targets."""
  return evaluation.Experiment(
      prior=prior,
      data=sources,
      task=evaluation.Translation(),
      method=method,
      metrics=metrics.egsde_metrics(),
      batch_size=8,
      seed=1234,
      samples_per_image=5,
      spread="seeds",
      published=tuple(published),
      set_metrics=metrics.installed_inception(INCEPTION, prepared),
      set_reference=evaluation.FolderPictures(targets))


def rows(
    row: Callable[[evaluation.Method], evaluation.Experiment],
    guide: evaluation.ConvertedExtractor,
    variance: str = "learned",
) -> dict[str, Callable[[], evaluation.Experiment]]:
  """The four rows of every table.

  Args:
    row: makes the experiment of a method.
    guide: the extractor.
    variance: of ILVR's step; "fixed_small" for a prior without a learned one.
  """
  return {
      # Weights 500 and 2, M = 500 of 1000 levels, every level visited.
      "egsde": lambda: row(
          evaluation.egsde_published(guide, variant="released")),
      # Weights 700 and 0.5, M = 600: realism at the cost of likeness. That
      # they are the same in other tasks than cat to dog is recalled.
      "egsde_dagger": lambda: row(
          evaluation.egsde_dagger(guide, variant="released")),
      # EGSDE with both weights 0, to the bit.
      "sdedit": lambda: row(
          evaluation.SdEdit(first_level=500, variant="released")),
      # 100 respaced levels, factor 32, range_t = 0: the defaults of the
      # released ILVR. With which settings EGSDE's authors ran it is not known
      # beyond the factor.
      "ilvr": lambda: row(evaluation.Ilvr(
          num_steps=100, variance=variance, variant="released")),
  }
