"""Where a journal may lie: SQLite's locks and its write-ahead log do not work on a network file system."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..run import EnvironmentFailure, make_folder

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = {
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fhgfs",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.s3fs",
    "fuse.sshfs",
}
NETWORK |= {
    "fuse.weka",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "smb3",
    "smbfs",
}


def journal_path(run: Path, shard: str, folder: Path | None) -> Path:
    """Where the journal of a shard of a run lies: in the run's folder, or by its name in `folder`.

    Raises EnvironmentFailure for a place on a network file system.
    """
    name = "journal" if shard == "0-of-1" else f"journal-{shard}"
    place = run
    if folder is not None:
        place = make_folder(folder)
        name += f"-{run.name}-{hashlib.sha256(str(run.resolve()).encode()).hexdigest()[:8]}"
    if kind := network_file_system(place):
        raise EnvironmentFailure(
            f"{place}: is on a network file system ({kind}), where a journal is not safe; "
            "name a folder on a local disk: --journal-dir DIR"
        )
    return place / f"{name}.sqlite"


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that `path` is on; None for a local one, or where it cannot be known."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:  # not Linux
        return None
    path, nearest, kind = path.resolve(), Path("/"), ""
    for line in lines:
        mount, _, device = line.partition(" - ")
        point = Path(mount.split()[4].replace("\\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= len(nearest.parts):
            nearest, kind = point, device.split()[0]
    return kind if kind in NETWORK else None
