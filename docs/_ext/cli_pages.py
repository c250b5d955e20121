"""A page of each command, made from click's own command objects, and the list of them by task."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from enicfer.cli.main import COMMANDS, cli
from enicfer.cli.tasks import TASKS


def every_command() -> dict[str, click.Command]:
    """Whole name, such as ``models fetch`` -> the command; groups too."""
    context = click.Context(cli, info_name="enicfer")
    found = {}
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": one for inner, one in command.commands.items()}
    return found


def plain(text: str) -> str:
    r"""A docstring of click as Markdown: ``\b`` marks lines that stay as they are."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b"):
            parts.append("```text\n" + part.removeprefix("\b").strip("\n") + "\n```")
        else:
            parts.append(escape(part))
    return "\n\n".join(parts)


def escape(text: str) -> str:
    """Text as Markdown shows it letter by letter; options become code."""
    text = re.sub(r"([\\*_<>\[\]|`$])", r"\\\1", text)
    return re.sub(r"(?<![\w`-])(--[a-z][a-z0-9-]*)", r"`\1`", text)


def kind_words(parameter: click.Parameter) -> str:
    """What a parameter takes."""
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return ""
    if parameter.metavar:
        return parameter.metavar
    kind = parameter.type
    if isinstance(kind, click.Choice):
        return " | ".join(map(str, kind.choices))
    if isinstance(kind, click.types.IntRange | click.types.FloatRange):
        low = "" if kind.min is None else f" from {kind.min:g}" + (", exclusive" if kind.min_open else "")
        high = "" if kind.max is None else f" to {kind.max:g}" + (", exclusive" if kind.max_open else "")
        name = "whole number" if isinstance(kind, click.types.IntRange) else "number"
        return name + low + high
    return {"text": "text", "integer": "whole number", "float": "number", "path": "path"}.get(
        kind.name, kind.name
    )


def default_words(option: click.Option) -> str:
    """A default that is worth saying."""
    value: Any = option.default
    if option.is_flag or option.required or callable(value) or not isinstance(value, str | int | float):
        return ""
    return f"`{value}`" if value != "" else ""


def rows(command: click.Command) -> Iterator[str]:
    """Tables of a command's arguments and options."""
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    if options:
        yield "| option | takes | default | meaning |\n| --- | --- | --- | --- |"
        for one in options:
            names = ", ".join(f"`{name}`" for name in [*one.opts, *one.secondary_opts])
            takes = kind_words(one)
            takes = f"`{takes}`" if takes else ""
            needed = "**needed** " if one.required else ""
            several = one.multiple and "several times" not in (one.help or "")
            again = " May be given several times." if several else ""
            text = " ".join(escape(one.help or "").split()) + again
            yield f"| {names} | {takes.replace('|', chr(92) + '|')} | {default_words(one)} | {needed}{text} |"


def usage(name: str, command: click.Command) -> str:
    """The line that ``--help`` begins with."""
    context = click.Context(command, info_name=f"enicfer {name}")
    return f"enicfer {name} " + " ".join(command.collect_usage_pieces(context))


def section(name: str, command: click.Command, level: int) -> str:
    """A command as Markdown."""
    text = [
        f"({anchor(name)})=",
        f"{'#' * level} `enicfer {name}`",
        "",
        "```text",
        usage(name, command),
        "```",
        "",
        plain(command.help or ""),
        "",
        "\n".join(rows(command)),
        "",
    ]
    return "\n".join(text)


def anchor(name: str) -> str:
    """The target by which other pages link to a command."""
    return "command-" + name.replace(" ", "-")


def cli_pages() -> dict[str, str]:
    """Name -> page: one for each command, and ``index``."""
    commands = every_command()
    pages = {
        name: "\n".join(
            section(whole, one, 1 if whole == name else 2)
            for whole, one in commands.items()
            if whole.partition(" ")[0] == name
        )
        for name in COMMANDS
    }
    lines = ["# Command line", "", " ".join((cli.help or "").split()), ""]
    lines += [
        "`-h` or `--help` after any command prints what stands here. `--debug` shows where in the program an",
        "error arose. An error is one sentence; [what the errors mean](../errors.md).",
        "Exit codes: 0 done, 1 an error, 2 wrong usage, 3 some sessions failed, 130 stopped.",
        "",
    ]
    for task, inner in TASKS.items():
        lines += [f"## {task}", "", "| command | what it does |", "| --- | --- |"]
        lines += [f"| [`{name}`]({name}.md) | {escape(text)} |" for name, text in inner.items()]
        listed = "\n".join(inner)
        lines += ["", f"```{{toctree}}\n:hidden:\n\n{listed}\n```", ""]
    pages["index"] = "\n".join(lines)
    return pages
