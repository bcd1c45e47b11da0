"""DataDesigner: three text columns, each prompt reading the columns before it; row groups of 500."""

import os

from work import SAMPLING, STEPS, SYSTEM, finished, read_work

ROWS_PER_GROUP = 500

work = read_work()
os.environ |= {"NEMO_TELEMETRY_ENABLED": "false", "DATA_DESIGNER_HOME": str(work.folder / "home")}

import data_designer.config as dd  # noqa: E402
import pandas as pd  # noqa: E402
from data_designer.interface import DataDesigner  # noqa: E402

parameters = dd.ChatCompletionInferenceParams(max_parallel_requests=work.in_flight, **SAMPLING)
model = dd.ModelConfig(
    alias="teacher",
    model=work.model,
    provider="bench",
    inference_parameters=parameters,
    skip_health_check=True,
)
config = dd.DataDesignerConfigBuilder(model_configs=[model])
documents = pd.DataFrame(list(work.rows()))
config.with_seed_dataset(
    dd.LocalFileSeedSource.from_dataframe(documents, str(work.folder / "documents.parquet"))
)
for step, text in STEPS.items():
    config.add_column(
        dd.LLMTextColumnConfig(name=step, prompt=text, system_prompt=SYSTEM, model_alias="teacher")
    )
designer = DataDesigner(
    artifact_path=work.folder / "artifacts",
    model_providers=[dd.ModelProvider(name="bench", endpoint=work.url, api_key="none")],
)
designer.set_run_config(dd.RunConfig(buffer_size=ROWS_PER_GROUP, otel_metrics_port=None))
results = designer.create(config, num_records=len(documents), resume=dd.ResumeMode.IF_POSSIBLE)
finished("data-designer", len(results.load_dataset()))
