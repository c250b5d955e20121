"""``enicfer events``: the codes of a session, to write a protocol from."""

from pathlib import Path

import click


@click.command("events")
@click.argument("session", type=click.Path(path_type=Path))
def events(session: Path) -> None:
    """List every code in the recordings, logs and events tables of SESSION (a folder or a file).

    No protocol is needed. A code stands in a protocol as it is printed here.
    """
    from enicfer.pipeline.events import list_events

    for found in list_events(session):
        click.echo(found.file.name)
        for note in found.notes:
            click.echo(f"  note: {note}")
        if not len(found.codes):
            continue
        width = max(len("code"), *(len(code) for code in found.codes["code"]))
        click.echo(
            f"  {'code':<{width}}  {'count':>6}  {'first (s)':>11}  {'last (s)':>11}  {'every (s)':>10}"
        )
        for code, count, first, last, interval in found.codes.itertuples(index=False):
            every = f"{interval:.3f}" if count > 1 else ""
            click.echo(f"  {code:<{width}}  {count:>6}  {first:>11.3f}  {last:>11.3f}  {every:>10}")
