"""``enicfer review``: look at processed sessions, correct and sign them, in the browser."""

from pathlib import Path

import click

from enicfer.errors import InputError


def _check_coder(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """The name as it is; one that cannot be used is an error of how the command was typed."""
    from enicfer.io.entry_log import coder_label

    try:
        if name is not None:
            coder_label(name)
    except InputError as error:
        error.exit_code = 2
        raise
    return name


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FOLDER...")
@click.option("--no-browser", is_flag=True, help="Print the link, and open no browser.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the server.  [default: a free one]"
)
@click.option(
    "--coder", metavar="NAME", callback=_check_coder, help="Who reviews.  [default: name of the account]"
)
@click.option("--read-only", is_flag=True, help="Store nothing.")
@click.option("--blur-others", is_flag=True, help="Cover the faces of all but the participant.")
@click.option("--shared", is_flag=True, help="Let the group that can read a video read its small copy.")
@click.option("--clean", is_flag=True, help="Remove the small copies of videos, and end.")
def review(
    folders: tuple[Path, ...],
    no_browser: bool,
    port: int,
    coder: str | None,
    read_only: bool,
    blur_others: bool,
    shared: bool,
    clean: bool,
) -> None:
    """Review the processed sessions in each FOLDER (a session, several, or outputs) in the browser.

    Everything stays on this machine. What you say is stored beside the outputs, in reviews/, and taken by the
    next process-session or process-sessions. Stop the server with Ctrl+C.
    """
    if clean:
        from enicfer.review.proxy import clean_proxies
        from enicfer.review.study import Study

        for path in clean_proxies(Study(folders).outputs):
            click.echo(f"removed: {path}")
        return
    from enicfer.review import open_review

    def tell(link: str) -> None:
        click.echo(f"Review at {link}\nThe link is good for once. Stop with Ctrl+C.")
        if not no_browser:
            import webbrowser

            webbrowser.open(link)

    open_review(
        folders,
        coder=coder,
        port=port,
        read_only=read_only,
        blur_others=blur_others,
        shared=shared,
        tell=tell,
        note=lambda text: click.echo(f"  note  {text}"),
    )
