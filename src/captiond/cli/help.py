"""The help of a command: the usage line and the names of values, instead of those of Typer, which are Python types."""

import re

from typer._click import Context, HelpFormatter
from typer.core import TyperArgument, TyperCommand, TyperOption

# Names of values by type. Options with a better name, such as FILE, have a `metavar`.
_VALUES = {"int": "N", "int range": "N", "float": "N", "float range": "N", "str": "TEXT"}
# Ranges as Typer shows them: `1<=x<=64`, `x>=1`.
_RANGE = re.compile(r"([0-9.]+)<=x<=([0-9.]+)")
_MINIMUM = re.compile(r"x>=([0-9.]+)")


class Command(TyperCommand):
    """A command whose help has the form that is usual on Unix: `get [OPTIONS] ID`, `--limit N`, `--role all|api`."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return the parts of the usage line. Metavars of several values end with an ellipsis."""
        arguments = [param for param in self.get_params(ctx) if isinstance(param, TyperArgument)]
        names = [param.display_name_raw if param.required else f"[{param.display_name_raw}]" for param in arguments]
        return ["[OPTIONS]", *names]

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the arguments and options."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is None:
                continue
            name, text = record
            if isinstance(param, TyperArgument):
                name = name.removesuffix(f" {param.display_type(ctx)}")
                sections["Arguments"].append((name, text.replace("  [required]", "")))
                continue
            if isinstance(param, TyperOption):
                shown = param.display_type(ctx)
                name = name.replace(shown, _name_values(shown))
            sections["Options"].append((name, _MINIMUM.sub(r"at least \1", _RANGE.sub(r"\1 to \2", text))))
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _name_values(shown: str) -> str:
    """Return the name of values from their type as Typer shows it: `<int range>`, `<list[upload|read]>`."""
    kind = shown.strip("<>").removeprefix("list[").removesuffix("]")
    return _VALUES.get(kind, kind)
