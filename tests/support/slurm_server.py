"""A real Slurm on the loopback interface: munged, slurmctld and slurmd, all state in a folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster_support import wait_for

__all__ = ["Slurm", "missing", "serving"]

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"

_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=1,defer=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerNode=1500
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/none
KillWait=2
MinJobAge=300
MessageTimeout=10
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 \
ThreadsPerCore=1 RealMemory=4000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=10 State=UP
"""


def missing() -> str:
    """Why there can be no Slurm here; "" if there can."""
    without = [one for one in _PROGRAMS if shutil.which(one, path=_PATH) is None]
    if without:
        return f"no {', '.join(without)}"
    return "" if os.getuid() == 0 else "only root can start Slurm's controller"


@dataclass(frozen=True)
class Slurm:
    """A Slurm that runs; `SLURM_CONF` names it to its programs."""

    folder: Path

    def jobs(self, *states: str) -> list[str]:
        """The names of jobs that have not ended, or that are in these states."""
        asked = [f"--states={','.join(states)}"] if states else []
        return self._told("squeue", "--noheader", "--format=%j", *asked).split()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A job that has the whole node meanwhile."""
        command = ("sbatch", "--parsable", "--exclusive", "--output=/dev/null", "--wrap=sleep 600")
        job = self._told(*command).strip()
        try:
            wait_for(lambda: self._told("squeue", "--noheader", "--format=%t", f"-j{job}") == "R\n")
            yield
        finally:
            self._told("scancel", job)

    def cancel(self) -> None:
        """End all jobs."""
        self._told("scancel", "--state=RUNNING", "--user=root")

    def down(self) -> None:
        """Set all nodes down."""
        self._told("scontrol", "update", "nodename=ALL", "state=down", "reason=test")

    def resume(self) -> None:
        """Have the nodes back. Slurm refuses that of those which are back by themselves."""
        with suppress(subprocess.CalledProcessError):
            self._told("scontrol", "update", "nodename=ALL", "state=resume")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody answers meanwhile; the controller then knows the jobs that it had."""
        file = self.folder / "slurmctld.pid"
        controller = int(file.read_text())
        os.kill(controller, signal.SIGTERM)
        wait_for(lambda: not Path(f"/proc/{controller}").exists())
        try:
            yield
        finally:
            _start("slurmctld", "-f", str(self.folder / "slurm.conf"))
            ping = ("scontrol", "ping")
            wait_for(lambda: not subprocess.run(ping, capture_output=True, check=False).returncode)

    def _told(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout


@contextmanager
def serving(folder: Path) -> Iterator[Slurm]:
    """A Slurm that runs; it is gone afterwards."""
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge" / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    # Munge takes no folder that others may write to, as a test's own may be.
    for one in (folder, folder / "munge"):
        one.chmod(0o755)
    host, ports = socket.gethostname().partition(".")[0], _free_ports(2)
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(host=host, ports=ports, folder=folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(conf))
        patch.setenv("PATH", _PATH)
        slurm = Slurm(folder)
        try:
            munge = folder / "munge"
            _start(
                "munged",
                "--force",  # the folders above may be anybody's
                f"--key-file={key}",
                *(f"--socket={munge}/munge.socket", f"--pid-file={munge}/munged.pid"),
                *(f"--log-file={munge}/munged.log", f"--seed-file={munge}/munged.seed"),
            )
            _start("slurmctld", "-c", "-f", str(conf))
            _start("slurmd", "-f", str(conf), "-N", host)
            wait_for(lambda: "idle" in slurm._told("sinfo", "--noheader", "--format=%t"))
            yield slurm
        finally:
            for file in ("slurmctld.pid", "slurmd.pid", "munge/munged.pid"):
                with suppress(OSError, ValueError):
                    os.kill(int((folder / file).read_text()), signal.SIGTERM)


def _start(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def _free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
