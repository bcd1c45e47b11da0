"""distilabel: a pipeline of three TextGeneration steps, batches of the size of the window."""

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration
from work import SAMPLING, STEPS, SYSTEM, finished, read_work

READS = {"passage": ["document"], "question": ["passage"], "answer": ["passage", "question"]}


def main() -> None:
    work = read_work()
    sampling = {"temperature": SAMPLING["temperature"], "max_new_tokens": SAMPLING["max_tokens"]}
    with Pipeline(name="chain", cache_dir=str(work.folder / "cache")) as pipeline:
        last = LoadDataFromDicts(name="load", data=list(work.rows()), batch_size=work.in_flight)
        for step in STEPS:
            task = TextGeneration(
                name=f"write_{step}",
                llm=OpenAILLM(
                    model=work.model, base_url=work.url, api_key="none", generation_kwargs=sampling
                ),
                system_prompt=SYSTEM,
                template=STEPS[step],
                columns=READS[step],
                output_mappings={"generation": step, "model_name": f"{step}_model"},
                input_batch_size=work.in_flight,
            )
            last.connect(task)
            last = task
    rows = pipeline.run(use_cache=True)["default"]["train"]
    finished("distilabel", len(rows))


if __name__ == "__main__":
    main()
