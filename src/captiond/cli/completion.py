"""The completion of commands and options in shells, which `--install-completion` installs."""

from typer import _completion_shared as scripts

# zsh loads the file `_captiond` at the first Tab, as the body of a function of this name. The script of Typer only
# registers the completion then, so that the first Tab of a shell does nothing.
_ZSH = """
#compdef %(prog_name)s

%(complete_func)s() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh %(prog_name)s)
}

compdef %(complete_func)s %(prog_name)s
[[ $funcstack[1] != _%(prog_name)s ]] || %(complete_func)s "$@"
"""


def correct_scripts() -> None:
    """Replace the script of zsh."""
    scripts._completion_scripts["zsh"] = _ZSH  # noqa: SLF001 - Typer has no interface for it
