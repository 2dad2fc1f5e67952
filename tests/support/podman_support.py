"""Podman for tests, in a directory of its own, with an image made of what is on the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["IMAGE", "install_podman", "podman_or_skip"]

IMAGE = "localhost/radps-dag-test:1"
_PROGRAMS = ("sh", "cat", "id", "sleep", "touch", "ls")
# A machine of two generations of control groups at once is too much for crun, which needs none.
_WRAPPER = """#!/bin/sh
export CONTAINERS_CONF=FOLDER/containers.conf
exec unshare -m sh -c '
    umount /sys/fs/cgroup/unified 2>/dev/null
    exec PODMAN --root FOLDER/store --runroot FOLDER/run --storage-driver vfs --runtime crun \\
        --cgroup-manager cgroupfs "$@"' podman "$@"
"""
_CONF = '[containers]\ndefault_ulimits = []\ncgroups = "disabled"\n'


def install_podman(folder: Path) -> Path | None:
    """A directory with a program `podman` that has the image; None where none can be started."""
    podman = shutil.which("podman")
    if podman is None or os.getuid() != 0 or shutil.which("unshare") is None:
        return None
    (folder / "containers.conf").write_text(_CONF)
    programs = folder / "bin"
    programs.mkdir()
    wrapper = programs / "podman"
    wrapper.write_text(_WRAPPER.replace("FOLDER", str(folder)).replace("PODMAN", podman))
    wrapper.chmod(0o755)
    root = folder / "root"
    for name in _PROGRAMS:
        _lay_out(root, name)
    archive = folder / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    made = subprocess.run([wrapper, "import", archive, IMAGE], capture_output=True, check=False)
    tried = subprocess.run(
        [
            wrapper,
            "run",
            "--rm",
            "--network",
            "none",
            "--pull",
            "never",
            IMAGE,
            "sh",
            "-c",
            "exit 7",
        ],
        capture_output=True,
        check=False,
    )
    return programs if made.returncode == 0 and tried.returncode == 7 else None


def _lay_out(root: Path, name: str) -> None:
    """Copy a program to the image, with the libraries that it loads."""
    program = shutil.which(name)
    assert program is not None
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", told)]:
        target = root / path.lstrip("/")
        if path == program:
            target = root / "bin" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def podman_or_skip(folder: Path) -> Path:
    programs = install_podman(folder)
    if programs is None:
        pytest.skip("no container can be started here")
    return programs
