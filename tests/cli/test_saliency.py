import pytest
from click.testing import CliRunner

from enicfer.cli.saliency import saliency, saliency_compare


@pytest.mark.parametrize(
    ("command", "option", "value", "allowed"),
    [
        (saliency, "--checks", "-1", "x>=0"),
        (saliency, "--panels", "-1", "x>=0"),
        (saliency_compare, "--permutations", "0", "x>=19"),
        (saliency_compare, "--seed", "-1", "x>=0"),
        (saliency_compare, "--smoothing", "-1", "x>=0"),
    ],
)
def test_numbers_out_of_range_are_refused_at_once(tmp_path, command, option, value, allowed):
    done = CliRunner().invoke(command, ["a", "b", "-o", str(tmp_path / "out"), option, value])
    assert done.exit_code == 2 and f"{value} is not in the range {allowed}" in done.output.replace(".0", "")
    assert not (tmp_path / "out").exists()
