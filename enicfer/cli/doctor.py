"""``enicfer doctor``: what is installed, and whether it works."""

import click


@click.command()
@click.option("--no-test", is_flag=True, help="List what is installed, without the self-test.")
def doctor(no_test: bool) -> None:
    """Show what is installed and test it for some seconds.

    Paste what is printed into a report of a fault. It holds no path and no name of a person or computer.
    """
    from enicfer.doctor.facts import list_facts
    from enicfer.doctor.selftest import run_checks

    for name, value in list_facts().items():
        click.echo(f"{name + ':':<12}{value}")
    if no_test:
        return
    click.echo("Self-test:")
    problems = []
    for check in run_checks():
        problems.append(check.problem)
        click.echo(f"  {'FAILED' if check.problem else 'ok':<7}{check.name} ({check.seconds:.1f} s)")
        if check.problem:
            click.echo(f"         {check.problem}")
    failed = sum(map(bool, problems))
    if failed:
        click.echo(f"{failed} of {len(problems)} checks failed: paste all of this into a report.")
        click.get_current_context().exit(1)
    click.echo("All of it works.")
