import numpy as np
import pytest

from jaxguide.training import orders


@pytest.mark.parametrize("name", orders.ORDERS)
def test_rows_depend_on_seed_and_step_alone(name):
  first = orders.rows(name, 50, 3, 8, seed=1)
  np.testing.assert_array_equal(first, orders.rows(name, 50, 3, 8, seed=1))
  assert not np.array_equal(first, orders.rows(name, 50, 4, 8, seed=1))
  assert not np.array_equal(first, orders.rows(name, 50, 3, 8, seed=2))
  assert len(set(first.tolist())) == 8


def test_epochs_hold_every_row_once_and_batches_run_on_across_their_end():
  seen = np.concatenate(
      [orders.epoch_rows(10, step, 4, seed=0) for step in range(5)])
  assert sorted(seen[:10]) == sorted(seen[10:]) == list(range(10))
  assert not np.array_equal(seen[:10], seen[10:])


def test_independent_rows_are_uniform_and_may_come_again_soon():
  seen = [orders.independent_rows(6, step, 3, seed=0) for step in range(2000)]
  counts = np.bincount(np.concatenate(seen), minlength=6)
  # Each row is in a batch with probability 1/2: standard deviation 22.4.
  np.testing.assert_allclose(counts, 1000, atol=5 * 22.4)
  assert any(set(a) & set(b) for a, b in zip(seen[0::2], seen[1::2],
                                             strict=True))


def test_independent_rows_need_enough_images():
  with pytest.raises(ValueError, match="batch_size is 5; at most 4"):
    orders.independent_rows(4, 0, 5, seed=0)


def test_unknown_order():
  with pytest.raises(ValueError, match="'epochs', 'independent', got 'sorted'"):
    orders.rows("sorted", 4, 0, 2, seed=0)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_coins_fall_as_often_as_asked(probability):
  coins = np.concatenate(
      [orders.coins(step, 100, 0, probability) for step in range(100)])
  spread = np.sqrt(probability * (1 - probability) / len(coins))
  assert abs(coins.mean() - probability) <= 5 * spread
