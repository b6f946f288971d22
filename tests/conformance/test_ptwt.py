"""ptwt's tests of its one-dimensional transforms, downloaded with its source and run on ours through `adapter.py`."""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

PTWT = "ptwt==1.0.1"
HERE = Path(__file__).parent


def pip(*arguments):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"offline: pip {arguments[0]} failed ({done.stderr.strip().splitlines()[-1]})")


@pytest.mark.slow
def test_ptwts_own_tests_pass(tmp_path):
    pip("download", "--no-deps", "--no-binary", ":all:", "--dest", str(tmp_path), PTWT)
    pip("install", "--no-deps", "--only-binary", ":all:", "--target", str(tmp_path / "site"), "scipy")
    (archive,) = tmp_path.glob("ptwt-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.glob("ptwt-*") if path.is_dir())
    paths = [source, source / "src", tmp_path / "site", HERE, HERE.parent.parent]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "adapter", "-p", "no:cacheprovider"),
            *("tests/test_convolution_fwt.py", "-k", "1d or ripples or orth or multibatch"),
        ],
        cwd=source,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    summary = done.stdout.strip().splitlines()[-1]
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert re.match(r"751 passed", summary), summary
