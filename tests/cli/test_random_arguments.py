"""Every command's parser on random arguments: they are taken, or refused in a sentence; nothing else is raised."""

import click
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer.cli.main import COMMANDS, cli
from enicfer.errors import EnicferError


def list_commands():
    """Names and commands, with those within groups."""
    context = click.Context(cli)
    found = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", command.commands[inner]) for inner in command.commands]
        found.append((name, command))
    return dict(found)


EVERY = list_commands()
WORDS = [
    *(
        "",
        "-",
        "--",
        "nan",
        "-1",
        "0",
        "1e999",
        "9" * 400,
        "a" * 5000,
        "1,2",
        "3:4,5",
        "x=1",
        "a.b=",
        "=",
        "12%",
        "/",
    ),
    *("\udc80", "0:0,0", "::", "None", "[1", "*", "..", "CON", "sub-01", "😀", "1_000", "٣"),
]
ODD = st.sampled_from(WORDS)
words = ODD | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12
)  # as a system can pass


def test_every_command_is_tried():
    assert {name.split()[0] for name in EVERY} == set(COMMANDS)


@pytest.mark.parametrize("name", EVERY)
@settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_arguments_are_taken_or_refused(name, tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    options = [
        flag for one in EVERY[name].params for flag in (*one.opts, *one.secondary_opts) if flag[:1] == "-"
    ]
    argument = words | st.sampled_from(options or ["--help"])
    argument |= st.tuples(st.sampled_from(options or ["--help"]), words).map("=".join)
    arguments = data.draw(st.lists(argument, max_size=6))
    try:
        with EVERY[name].make_context(name, arguments):
            pass
    except click.exceptions.Exit as ended:
        assert ended.exit_code in (0, 2)
    except (click.ClickException, EnicferError) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        assert said.strip()
    assert not list(tmp_path.iterdir())
