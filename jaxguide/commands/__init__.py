"""The subcommands of `jaxguide`, one per file."""
