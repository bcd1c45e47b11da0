"""datatrove: one rollout function makes the three calls; `--option checkpoints` turns its checkpoints on."""

import sys

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.inference.run_inference import InferenceConfig, InferenceRunner
from datatrove.pipeline.writers import JsonlWriter
from loguru import logger
from work import SAMPLING, STEPS, finished, messages, read_work

RECORDS_PER_CHUNK = 500

logger.remove()
logger.add(sys.stderr, level="WARNING")
work = read_work()


async def rollout(document: Document, generate) -> dict[str, str]:
    fields = {"document": document.text}
    for step in STEPS:
        fields[step] = (await generate({"messages": messages(step, fields)})).text
    return fields


def documents(data, rank: int = 0, world_size: int = 1):
    for row in work.rows():
        yield Document(text=row["document"], id=row["id"])


name = "${rank}_${chunk_index}.jsonl" if work.option else "${rank}.jsonl"
runner = InferenceRunner(
    rollout_fn=rollout,
    config=InferenceConfig(
        server_type="endpoint",
        model_name_or_path=work.model,
        endpoint_url=work.url.removesuffix("/v1"),
        max_concurrent_generations=work.in_flight,
        default_generation_params=SAMPLING,
    ),
    output_writer=JsonlWriter(str(work.folder / "out"), name, compression=None),
    checkpoints_local_dir=str(work.folder / "checkpoints") if work.option else None,
    records_per_chunk=RECORDS_PER_CHUNK,
)
LocalPipelineExecutor([documents, runner], tasks=1, logging_dir=str(work.folder / "logs")).run()
finished(
    "datatrove", sum(len(path.read_bytes().splitlines()) for path in (work.folder / "out").glob("*.jsonl"))
)
