"""Who takes part: what each needs in an environment of its own, and how its script is told to run."""

from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Contender:
    """One row of the table. `requirements` are pinned, and empty for what runs in this project's own environment.

    `chain` says how it does three calls of which each reads the last; `resumes` whether a second start is
    meant to go on where the first was killed.
    """

    name: str
    script: str
    chain: str
    requirements: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    resumes: bool = True

    @property
    def is_peer(self) -> bool:
        return bool(self.requirements)

    @property
    def folder(self) -> str:
        """Its name as that of a folder."""
        return self.name.replace(",", "").replace(" ", "_")

    @property
    def package(self) -> str:
        """What its environment is called, after the package under test."""
        return self.requirements[0].partition("==")[0]

    def command(self, python: Path, url: str, model: str, documents: Path, folder: Path) -> list[str]:
        """The command line of one run; the same again, on the same folder, resumes it."""
        told = ["--url", url, "--model", model, "--documents", str(documents), "--folder", str(folder)]
        return [str(python), str(PEERS / self.script), *told, *self.arguments]


OURS = Contender("genteach", "run_genteach.py", "one flow")
BARE = (
    Contender("bare loop, 256", "run_bare.py", "one loop", arguments=("--in-flight=256",), resumes=False),
    Contender("bare loop, 400", "run_bare.py", "one loop", arguments=("--in-flight=400",), resumes=False),
)
_DATATROVE = ("datatrove==0.10.1", "aiofiles", "aiosqlite", "httpx", "orjson", "xxhash")
CHECKPOINTED = Contender(
    "datatrove, checkpoints",
    "run_datatrove.py",
    "one rollout",
    _DATATROVE,
    arguments=("--option=checkpoints",),
)
CURATOR = Contender("curator", "run_curator.py", "three runs", ("bespokelabs-curator==0.1.31",))
PLAIN_DATATROVE = Contender("datatrove", "run_datatrove.py", "one rollout", _DATATROVE, resumes=False)
CONTENDERS = (
    *BARE,
    OURS,
    PLAIN_DATATROVE,
    CHECKPOINTED,
    CURATOR,
    Contender("sdg_hub", "run_sdg_hub.py", "one flow, by block", ("sdg-hub==0.9.4",)),
    Contender("DataDesigner", "run_data_designer.py", "three columns", ("data-designer==0.9.6",)),
    # The OpenAI client of its time: what it says of every request, later ones say loudly through its log.
    Contender(
        "distilabel", "run_distilabel.py", "three steps", ("distilabel==1.5.3", "openai==1.61.1", "requests")
    ),
)
