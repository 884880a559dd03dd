"""The `jaxguide` command: demo, inspect, convert, evaluate."""

import argparse
from collections.abc import Sequence
import sys

import jaxguide
from jaxguide import checkpoint_settings

DESCRIPTION = "Guided sampling with pretrained diffusion models, in JAX."


def run() -> None:
  """Entry point of the console script."""
  sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
  """Runs one command.

  Args:
    argv: the words after "jaxguide".

  Returns:
    Exit status: 0, 1 for a failure that has been named on stderr, 2 for a
    command that cannot be read, 130 when interrupted.
  """
  argv = list(argv)
  if argv[:1] == ["evaluate"]:
    # Its flags are those of experiments/evaluate.py, read there.
    from jaxguide.evaluation import command
    return command.main(["jaxguide evaluate", *argv[1:]])
  args = _parser().parse_args(argv)
  try:
    print(args.run(args))
  except KeyboardInterrupt:
    print("interrupted", file=sys.stderr)
    return 130
  except (ValueError, OSError) as error:
    print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
    return 1
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser("jaxguide", description=DESCRIPTION)
  parser.add_argument(
      "--version", action="version", version=jaxguide.__version__)
  commands = parser.add_subparsers(required=True, metavar="COMMAND")

  demo = commands.add_parser(
      "demo", help="steer the embedded prior; writes a table and a picture")
  demo.add_argument("--out", required=True, help="folder for the results")
  demo.add_argument(
      "--images", type=int, default=None, help="held-out images per task")
  demo.add_argument("--seed", type=int, default=0)
  demo.set_defaults(run=_demo)

  inspect = commands.add_parser(
      "inspect", help="say what a checkpoint holds, executing nothing")
  inspect.add_argument(
      "file", help="checkpoint, folder of diffusers, or model directory")
  inspect.add_argument(
      "--inert", action="append", default=[], metavar="GLOBAL")
  inspect.set_defaults(run=_inspect)

  convert = commands.add_parser(
      "convert", help="turn a PyTorch checkpoint into a model directory, or a "
      "model directory into .safetensors")
  convert.add_argument(
      "file", help="checkpoint, folder of diffusers, or model directory")
  convert.add_argument("--out", required=True, help="must not exist")
  convert.add_argument(
      "--card", help="the checkpoint's card (third_party/cards.md)")
  convert.add_argument(
      "--weights", choices=("raw", "ema"),
      help="which of the two that a Lightning file may hold; of a latent "
      "diffusion model that holds both it must be said")
  convert.add_argument(
      "--layout", choices=("diffusers",),
      help="of what is made of one network's model directory: a folder that "
      "diffusers loads instead of .safetensors")
  convert.add_argument(
      "--scale_factor", type=float,
      help="of a latent diffusion model's latents, in place of its own")
  convert.add_argument(
      "--prefix", help="in front of the network's names; found when left out")
  convert.add_argument(
      "--inert", action="append", default=[], metavar="GLOBAL",
      help="a dotted name in the file to keep as a dead object instead of "
      "refusing it; never executed; may be repeated")
  own = convert.add_argument_group(
      "without a card", "what a state dict does not tell")
  for option in checkpoint_settings.options():
    kind = {"action": "store_true"} if option.kind is bool else {
        "type": option.kind}
    own.add_argument(
        f"--{option.name}", default=option.default, help=option.help, **kind)
  convert.set_defaults(run=_convert)

  commands.add_parser(
      "evaluate", add_help=False,
      help="run an experiment over a folder of images (see evaluate --help)")
  return parser


# Imports wait for the command that needs them: --help must not start JAX.


def _demo(args: argparse.Namespace) -> str:
  from jaxguide import demo
  from jaxguide import parallel
  rows = min(args.images or demo.NUM_IMAGES, demo.NUM_IMAGES)
  parallel.use_cpu_cores(max(1, rows // parallel.MIN_ROWS))
  return demo.run(args.out, num_images=args.images, seed=args.seed)


def _inspect(args: argparse.Namespace) -> str:
  from jaxguide.convert import dispatch
  return dispatch.inspect(args.file, inert=args.inert).rstrip("\n")


def _convert(args: argparse.Namespace) -> str:
  from jaxguide.convert import dispatch
  settings = checkpoint_settings.Settings(**{
      option.name: getattr(args, option.name)
      for option in checkpoint_settings.options()})
  report = dispatch.convert(
      args.file, args.card, args.out, weights=args.weights,
      prefix=args.prefix, scale_factor=args.scale_factor,
      layout=args.layout, inert=args.inert,
      settings=settings if settings.said() else None)
  return report.rstrip("\n")
