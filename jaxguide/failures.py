"""Which errors are the user's to mend, and which are defects."""


def is_plain(error: BaseException) -> bool:
  """Whether a line that says what happened is all that a user needs.

  Of files, memory and wrong settings that is so: their messages are written
  for users. Every other error is a defect and wants its traceback, also the
  kinds of ValueError that Python itself raises, such as UnicodeDecodeError.

  Args:
    error: that was raised.
  """
  if isinstance(error, (OSError, MemoryError)) or type(error) is ValueError:
    return True
  own = type(error).__module__.startswith("jaxguide.")
  return own and isinstance(error, ValueError)


def one_line(error: BaseException) -> str:
  """The error's message on one line."""
  return " ".join(str(error).split())
