"""`python -m jaxguide` is the `jaxguide` command."""

from jaxguide import cli

if __name__ == "__main__":
  cli.run()
