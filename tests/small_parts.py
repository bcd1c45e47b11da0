"""genteach, but a shard seals a part every few pairs, so that a short run has many of them.

python small_parts.py PAIRS generate --config …
python small_parts.py PAIRS ray SHARDS RECIPE JOURNALS      the shards of a run on a Ray of this machine
"""

import signal
import sys
from pathlib import Path

from genteach import cli
from genteach.config import load
from genteach.generate import cluster, engine
from genteach.generate.recipe import GenerateRecipe
from genteach.run import Failure


def on_ray(pairs: str, shards: str, recipe: str, journals: str) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster.GENTEACH, cluster.PAUSE, cluster.TICK = (__file__, pairs), 0.5, 0.1
    try:
        cluster.generate_on_ray(
            load(Path(recipe), GenerateRecipe), "local", int(shards), journal_dir=Path(journals)
        )
    except Failure as failure:
        print(failure)
        sys.exit(failure.exit_code)


if __name__ == "__main__":
    pairs = sys.argv.pop(1)
    if sys.argv[1] == "ray":
        on_ray(pairs, *sys.argv[2:])
    else:
        engine.PAIRS_PER_PART = engine.FIRST_PART = int(pairs)
        engine.TICK = 0.05
        cli.main()
