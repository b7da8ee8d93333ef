"""`captiond config`: shows the settings and where each comes from."""

from captiond.cli.console import console, warn_of_unknown_variables
from captiond.cli.json_output import print_json
from captiond.cli.options import AsJson
from captiond.settings import PREFIX, Resolution, resolve, show_settings


def config(as_json: AsJson = False) -> None:
    """Show every setting with its value and its source.

    The format is that of an .env file. Paths are absolute, and passwords are hidden.
    """
    resolution = resolve()
    warn_of_unknown_variables()
    if as_json:
        values = {each.name: {"value": each.value, "source": each.source} for each in show_settings(resolution)}
        print_json({"settings": values, "stack": _describe_stack(resolution)})
        return
    for setting in show_settings(resolution):
        value = setting.value
        text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        _print(f"{PREFIX}{setting.name.upper()}={text}  # {setting.source}")
    if stack := _describe_stack(resolution):
        _print(f"# stack of {stack['data_dir']}: {'running' if stack['running'] else 'not running'}")


def _print(line: str) -> None:
    console().print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)


def _describe_stack(resolution: Resolution) -> dict[str, str | bool] | None:
    stack = resolution.stack
    return None if stack is None else {"data_dir": str(stack.data_dir.absolute()), "running": stack.is_running}
