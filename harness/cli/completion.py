"""``harness completion``: what a shell needs to complete commands, options, files and strategies."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from harness.cli.console import NOTHING_FOUND

_VARIABLE = "_HARNESS_COMPLETE"


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> int:
    """Print the completion script for a shell.

    \b
    Examples, for good:
      bash:  harness completion bash >> ~/.bashrc
      zsh:   harness completion zsh >> ~/.zshrc
      fish:  harness completion fish > ~/.config/fish/completions/harness.fish
    """
    root = click.get_current_context().find_root()
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(root.command, {}, "harness", _VARIABLE).source())
    return NOTHING_FOUND
