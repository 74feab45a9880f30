"""The `dealcast` command: a file per group of commands.

Heavy packages are imported inside the commands, so that --help and a slip of the keyboard are answered at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from features.errors import DealcastError
from serving.cli.adjust import adjust
from serving.cli.backtest import backtest, scoreboard
from serving.cli.check import check
from serving.cli.data import import_command, simulate
from serving.cli.demo import demo
from serving.cli.drafting import map_command
from serving.cli.explain import explain
from serving.cli.features import features
from serving.cli.forecast import forecast
from serving.cli.forget import forget
from serving.cli.mapping import mapping
from serving.cli.models import score, train
from serving.cli.override import override
from serving.cli.rejects import rejects
from serving.cli.report import report
from serving.cli.rules import rules
from serving.cli.serve import mlflow, serve
from serving.cli.worklist import worklist

__all__ = ["cli", "main"]


class _Slip(click.ClickException):
    """One message and exit code 2, as click's own usage errors have."""

    exit_code = 2


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DealcastError as error:
            raise _Slip(str(error)) from error
        except OSError as error:
            if error.filename is None or isinstance(error, BrokenPipeError):
                raise
            raise _Slip(f"{error.filename}: {error.strerror}.") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)  # in the order in which they are used, not of the alphabet


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), envvar="DEALCAST_HOME",
              default=Path("dealcast-home"), show_default=True,
              help="Folder with everything of one company; DEALCAST_HOME sets it too.")
@click.version_option(package_name="dealcast")
@click.pass_context
def cli(context: click.Context, home: Path) -> None:
    """Lead scores and sales forecasts in which everything is as of a date.

    DATE is 2026-03-14 (00:00 in the company's time zone) or 2026-03-14T17:30.
    """
    context.obj = home


for _command in (demo, map_command, mapping, import_command, rejects, check, features, rules, train, report, score,
                 explain, override, worklist, forecast, adjust, backtest, scoreboard, serve, mlflow, forget, simulate):
    cli.add_command(_command)


def main() -> None:
    """Run the `dealcast` command."""
    cli(prog_name="dealcast")
