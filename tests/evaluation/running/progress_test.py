"""What a run says of itself while it runs."""

import io

import pytest

from jaxguide.evaluation.running import progress


class Terminal(io.StringIO):

  def isatty(self):
    return True


class Clock:

  def __init__(self):
    self.now = 0.0

  def __call__(self):
    return self.now


def test_speed_counts_this_run_and_eta_what_is_left():
  clock = Clock()
  bar = progress.Progress(100, 20, stream=io.StringIO(), clock=clock)
  clock.now = 4.0
  bar.advance(10)
  assert bar.images_per_second() == pytest.approx(2.5)
  assert bar.line() == "30/100 images (30 %), 2.5 images/s, ETA 28 s"


def test_the_clock_starts_again_behind_a_compilation():
  clock = Clock()
  bar = progress.Progress(10, stream=io.StringIO(), clock=clock)
  clock.now = 100.0
  bar.restart_clock()
  clock.now = 102.0
  bar.advance(4)
  assert bar.images_per_second() == pytest.approx(2.0)


def test_a_log_gets_lines_now_and_then_and_the_last_one():
  clock, stream = Clock(), io.StringIO()
  bar = progress.Progress(50, stream=stream, clock=clock)
  for _ in range(50):
    clock.now += 0.5
    bar.advance(1)
  bar.close()
  lines = stream.getvalue().splitlines()
  assert len(lines) == 4  # At once, after 10 s, after 20 s, at the end.
  assert lines[-1].startswith("50/50 images (100 %)")
  assert "\r" not in stream.getvalue()


def test_a_terminal_has_one_line():
  clock, stream = Clock(), Terminal()
  bar = progress.Progress(3, stream=stream, clock=clock)
  for _ in range(3):
    clock.now += 1.0
    bar.advance(1)
  bar.close()
  text = stream.getvalue()
  assert text.count("\n") == 1 and text.endswith("\n")
  assert text.count("\r") == 3


def test_a_message_does_not_run_into_the_line():
  clock, stream = Clock(), Terminal()
  bar = progress.Progress(3, stream=stream, clock=clock)
  clock.now = 1.0
  bar.advance(1)
  bar.message("disk is slow")
  assert stream.getvalue().endswith("\rdisk is slow\n")


@pytest.mark.parametrize("seconds, text", [
    (0.4, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (3599, "59 min 59 s"),
    (3600, "1 h 00 min"), (90000, "25 h 00 min"),
])
def test_durations(seconds, text):
  assert progress.format_seconds(seconds) == text
