"""Puts Asterisk, and a telephone for it to ring, into a Debian in a folder: `make peers` tests calls through them.

Debian 12 and 13 have no Asterisk; unstable has one. Where it cannot be had, this says why and fails nothing.
"""

import shutil
import subprocess
import sys

from smart.local import chroots
from smart.local.embedded import PROJECT

ROOT = PROJECT / "var" / "asterisk"
SUITE = "sid"
PACKAGES = ("asterisk", "baresip-core")
_STAMP = ROOT / ".installed"
# What apt installs must not be started; and the list of a mirror that stands still may be out of date.
_INSTALL = """
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d || exit 1
apt="apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Check-Valid-Until=false"
$apt update && $apt install -y --no-install-recommends "$@" && apt-get clean
"""


def is_here() -> bool:
    """True when it has been made, with these packages."""
    return _STAMP.exists() and _STAMP.read_text() == _wanted()


def main() -> int:
    """Make it, once."""
    if is_here():
        return 0
    try:
        archive, _ = chroots.find_archive()
        shutil.rmtree(ROOT, ignore_errors=True)
        ROOT.parent.mkdir(exist_ok=True)
        print(f"Making a minimal Debian {SUITE} in var/asterisk; this is done once and takes minutes.", flush=True)
        chroots.make(ROOT, archive=archive, suite=SUITE)
        print(f"Installing {' and '.join(PACKAGES)} into it.", flush=True)
        _install()
    except chroots.Unfit as obstacle:
        print(f"{obstacle} Tests through a real Asterisk are skipped.", flush=True)
        return 0
    _STAMP.write_text(_wanted())
    return 0


def _install() -> None:
    """Raises Unfit with the end of what apt said."""
    environment = {**chroots.USUAL, "DEBIAN_FRONTEND": "noninteractive"}
    command = chroots.inside(ROOT, "sh", "-c", _INSTALL, "sh", *PACKAGES, env=environment)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace")[-2000:]
        raise chroots.Unfit(f"{' and '.join(PACKAGES)} could not be installed from Debian {SUITE}: {said}")


def _wanted() -> str:
    return " ".join((SUITE, *PACKAGES))


if __name__ == "__main__":
    sys.exit(main())
