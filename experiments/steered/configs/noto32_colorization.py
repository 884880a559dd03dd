"""Steered Diffusion on emoji: colorization.

  python experiments/evaluate.py --out results/noto32_colorization \\
      --config experiments/steered/configs/noto32_colorization.py

Prior and images come with the package: 64 held-out Noto emoji, 32x32. 50
steps; x0 is clipped, as the prior is small and the paper does not say.
"""

from jaxguide import evaluation
from jaxguide.evaluation import methods
from jaxguide.evaluation import sources
from jaxguide.evaluation import tasks


def get_config(smoke: bool = False) -> evaluation.Experiment:
  """The experiment; `smoke` gives its tiny version."""
  task = tasks.Colorization()
  experiment = evaluation.Experiment(
      name="noto32_colorization",
      prior=sources.EmbeddedPrior("noto32"),
      data=sources.EmbeddedImages("noto32"),
      task=task,
      method=methods.steered_paper(task, num_steps=50, clip_x0=True),
      batch_size=16,
  )
  return experiment.tiny() if smoke else experiment
