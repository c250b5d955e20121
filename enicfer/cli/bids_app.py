"""How BIDS Apps are called: ``bids_dir output_dir participant --participant_label 01 02``."""

import click

N_PLACES = 3  # bids_dir, output_dir and level


class BidsAppCommand(click.Command):
    """A command whose options may have underscores, and several values after one flag, as BIDS Apps have them.

    Several values are taken where ``bids_dir output_dir level`` come first; elsewhere it would not be clear what is
    a value and what is a folder.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments as click does, after each value has got its flag."""
        flags = [
            flag
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.multiple
            for flag in parameter.opts
        ]
        spellings = {"--" + flag[2:].replace("-", "_"): flag for flag in flags} | {
            flag: flag for flag in flags
        }
        return super().parse_args(ctx, _give_flags(args, spellings))


def _give_flags(args: list[str], spellings: dict[str, str]) -> list[str]:
    """The arguments with ``--a_flag x y`` as ``--a-flag x --a-flag y``; ``spellings`` leads to the flag."""
    folders_first = not any(arg.startswith("-") for arg in args[:N_PLACES])
    given: list[str] = []
    flag, has_value = "", False
    for arg in args:
        name, equals, value = arg.partition("=")
        if name in spellings:
            flag, has_value = spellings[name], bool(equals)
            given.append(flag + equals + value)
            continue
        if arg.startswith("-"):
            flag = ""
        elif flag and has_value and folders_first:
            given.append(flag)
        has_value = True
        given.append(arg)
    return given
