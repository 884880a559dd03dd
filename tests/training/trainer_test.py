"""The table and the curves that a training run leaves."""

import types

import numpy as np

from jaxguide.data import images
from jaxguide.training import curves
from jaxguide.training import trainer
from jaxguide.training import trainings


def state(step):
  return types.SimpleNamespace(step=step, ema=step, average_loss=2.0 / step)


def test_every_row_is_in_the_table_and_on_the_picture(tmp_path, capsys):
  session = trainings.Session(
      update=None, batches=None, columns=("train_loss", "valid_loss"),
      numbers=lambda state: (state.average_loss, 0.1 / state.ema))
  write = trainer.log_hook(session, tmp_path, 0)
  seen = []
  for step in (10, 20, 30):
    write(state(step))
    seen.append(images.read_picture(tmp_path / "loss.png"))
    np.testing.assert_array_equal(
        seen[-1], curves.draw_log(tmp_path / "training_log.csv"))
  assert not np.array_equal(seen[1], seen[2])
  assert "step 30, train_loss 0.066667" in capsys.readouterr().err
  # Gone on from step 10, the picture forgets what came later.
  trainer.log_hook(session, tmp_path, 10)(state(20))
  again = images.read_picture(tmp_path / "loss.png")
  np.testing.assert_array_equal(again, seen[1])
  assert not list(tmp_path.glob(".*"))
