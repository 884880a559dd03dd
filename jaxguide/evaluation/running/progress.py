"""Progress of a run, on a terminal or in a log."""

from collections.abc import Callable
import sys
import time
from typing import TextIO

LOG_SECONDS = 10.0
TERMINAL_SECONDS = 0.1


class Progress:
  """Says how many images are done, how fast, and how long it will take.

  On a terminal one line is rewritten; elsewhere a line is logged every few
  seconds. The speed counts this session's images only, from the last
  `restart_clock` on.
  """

  def __init__(
      self,
      total: int,
      done: int = 0,
      *,
      stream: TextIO | None = None,
      clock: Callable[[], float] = time.monotonic,
  ):
    """Starts the clock.

    Args:
      total: pictures of the whole run.
      done: pictures that an earlier run has made.
      stream: text stream to write to; stderr when left out.
      clock: seconds, for tests.
    """
    self.total, self.done = total, done
    self._stream = sys.stderr if stream is None else stream
    self._terminal = self._stream.isatty()
    self._clock = clock
    self._start, self._counted, self._last = clock(), 0, None
    self._width = 0

  def restart_clock(self) -> None:
    """Measures speed from now on (after a compilation)."""
    self._start, self._counted = self._clock(), 0

  def advance(self, count: int) -> None:
    """Notes that `count` more pictures are done."""
    self.done += count
    self._counted += count
    now = self._clock()
    pause = TERMINAL_SECONDS if self._terminal else LOG_SECONDS
    due = self._last is None or now - self._last >= pause
    if due or self.done >= self.total:
      self._last = now
      self._show(self.line())

  def message(self, text: str) -> None:
    """Writes a line of its own."""
    if self._terminal and self._width:
      self._stream.write("\r" + " " * self._width + "\r")
      self._width = 0
    self._stream.write(text + "\n")
    self._stream.flush()

  def close(self) -> None:
    """Ends the line on a terminal."""
    if self._terminal and self._width:
      self._stream.write("\n")
      self._stream.flush()
      self._width = 0

  def line(self) -> str:
    """The text shown now."""
    share = 100 * self.done / self.total if self.total else 100.0
    text = f"{self.done}/{self.total} images ({share:.0f} %)"
    speed = self.images_per_second()
    if speed:
      left = (self.total - self.done) / speed
      text += f", {speed:.3g} images/s, ETA {format_seconds(left)}"
    return text

  def images_per_second(self) -> float:
    """The speed since the clock was started, 0 before the first picture."""
    elapsed = self._clock() - self._start
    return self._counted / elapsed if elapsed > 0 else 0.0

  def _show(self, text: str) -> None:
    if not self._terminal:
      self.message(text)
      return
    # Spaces cover what is left of a longer line before this one.
    self._stream.write("\r" + text.ljust(self._width))
    self._stream.flush()
    self._width = len(text)


def format_seconds(seconds: float) -> str:
  """"42 s", "3 min 05 s", "2 h 10 min"."""
  whole = int(round(seconds))
  if whole < 60:
    return f"{whole} s"
  if whole < 3600:
    return f"{whole // 60} min {whole % 60:02d} s"
  return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
