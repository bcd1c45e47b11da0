"""sdg_hub: a flow of three prompt, chat and extract blocks; it runs block after block, a checkpoint every 500 rows."""

import logging

import yaml
from datasets import Dataset
from sdg_hub import Flow
from work import SAMPLING, STEPS, SYSTEM, finished, read_work

ROWS_PER_CHECKPOINT = 500
READS = {"passage": ["document"], "question": ["passage"], "answer": ["passage", "question"]}

logging.disable(logging.INFO)
work = read_work()


def blocks(step: str) -> list[dict]:
    """Prompt, call and reply of one step; its prompt is a file beside the flow."""
    chat = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": STEPS[step]}]
    (work.folder / f"{step}.yaml").write_text(yaml.safe_dump(chat))
    return [
        {
            "block_type": "PromptBuilderBlock",
            "block_config": {
                "block_name": f"{step}_prompt",
                "input_cols": READS[step],
                "output_cols": f"{step}_messages",
                "prompt_config_path": f"{step}.yaml",
                "format_as_messages": True,
            },
        },
        {
            "block_type": "LLMChatBlock",
            "block_config": {
                "block_name": f"{step}_call",
                "input_cols": f"{step}_messages",
                "output_cols": f"{step}_reply",
                "async_mode": True,
                **SAMPLING,
            },
        },
        {
            "block_type": "LLMResponseExtractorBlock",
            "block_config": {
                "block_name": f"{step}_text",
                "input_cols": f"{step}_reply",
                "extract_content": True,
            },
        },
        {
            "block_type": "RenameColumnsBlock",
            "block_config": {
                "block_name": f"{step}_name",
                "input_cols": {f"{step}_text_content": step},
            },
        },
    ]


flow_file = work.folder / "flow.yaml"
flow_file.write_text(
    yaml.safe_dump(
        {
            "metadata": {
                "name": "chain",
                "description": "three calls",
                "version": "1.0.0",
                "author": "bench",
            },
            "blocks": [block for step in STEPS for block in blocks(step)],
        }
    )
)
flow = Flow.from_yaml(str(flow_file))
flow.set_model_config(model=f"openai/{work.model}", api_base=work.url, api_key="none")
rows = flow.generate(
    Dataset.from_list(list(work.rows())),
    checkpoint_dir=str(work.folder / "checkpoints"),
    save_freq=ROWS_PER_CHECKPOINT,
    max_concurrency=work.in_flight,
)
finished("sdg-hub", len(rows))
