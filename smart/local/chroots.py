"""Minimal Debians in folders, made by debootstrap from the archive that this machine's apt uses.

What runs in one has mounts and processes of its own, which end with it. All this wants root and an archive.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from smart.local import bootstrap

USUAL = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
# Pairs of what is mounted and where, up to a dash; then the command.
_INSIDE = """
mount --make-rprivate / && mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" || exit 1
root=$0
while [ "$1" != - ]; do mkdir -p "$root$2" && mount --bind "$1" "$root$2" || exit 1; shift 2; done
shift; exec chroot "$root" "$@"
"""


class Unfit(Exception):
    """Why this machine cannot make another one, in one sentence."""


def find_archive() -> tuple[str, str]:
    """Where apt has Debian from, and which. Raises Unfit."""
    if os.geteuid() != 0:
        raise Unfit("Only root can make a machine in a folder.")
    if shutil.which("debootstrap") is None and not bootstrap.apt_install("debootstrap"):
        raise Unfit("There is no debootstrap here and it could not be installed.")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        raise Unfit("Nobody may mount anything here.")
    fields = "$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", fields, "Created-By: Packages"]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        origin, component, suite, address = line.split(" ", 3)
        if (origin, component) == ("Debian", "main") and "-" not in suite:
            return address, suite
    raise Unfit("apt knows no archive of Debian here.")


def make(root: Path, *, archive: str, suite: str, packages: Sequence[str] = ()) -> None:
    """Install a minimal Debian whose apt reaches what ours does. Raises Unfit with the end of what debootstrap said."""
    included = [f"--include={','.join(packages)}"] if packages else []
    command = ["debootstrap", "--variant=minbase", *included, suite, str(root), archive]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if made.returncode != 0:
        raise Unfit(f"debootstrap could not make a Debian {suite}: {made.stdout.decode(errors='replace')[-2000:]}")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")  # as an installer writes it
    clients = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in clients.splitlines() if line.lower().startswith(("acquire::http", "acquire::https"))]
    (root / "etc/apt/apt.conf.d/80machine").write_text("\n".join([*ours, ""]))


def inside(
    root: Path, *command: str | Path, env: Mapping[str, str] = USUAL, mounts: Mapping[Path, str] | None = None
) -> list[str]:
    """The command that runs another one in the machine; everything that this starts ends with it."""
    bound = [str(part) for pair in (mounts or {}).items() for part in pair]
    own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _INSIDE, str(root), *bound, "-"]
    return [*own, "/usr/bin/env", "-i", *(f"{name}={value}" for name, value in env.items()), *map(str, command)]
