"""The one command. Each verb has its options and an example here; its work is imported only when it runs."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .run import Failure, stop_politely

app = typer.Typer(
    help="Generative teaching: raw documents become pairs, pairs a student, and the student is measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
teacher_app = typer.Typer(help="Servers that answer prompts.", no_args_is_help=True)
orca_bench_app = typer.Typer(help="The benchmark of held-out documents.", no_args_is_help=True)
app.add_typer(teacher_app, name="teacher")
app.add_typer(orca_bench_app, name="orca-bench")

Config = Annotated[Path | None, typer.Option("--config", help="The recipe; the other options lie over it.")]
Out = Annotated[Path | None, typer.Option("--out", help="The run's folder.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")]


def _leave_stdout_to_json(chosen: bool) -> bool:
    if chosen:
        from .progress import leave_stdout_to_json

        leave_stdout_to_json()
    return chosen


Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Progress as JSON lines; prose goes to stderr.", callback=_leave_stdout_to_json
    ),
]
TrainConfig = Annotated[Path, typer.Option("--config", help="The recipe, a train.yaml.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE over the recipe's.")]
JournalDir = Annotated[
    Path | None, typer.Option(help="A local disk for the journal, if the run's folder is on none.")
]
Run = Annotated[Path, typer.Argument(help="The run's folder.")]


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


@app.command()
def generate(
    config: Config = None,
    seeds: Annotated[str | None, typer.Option(help="A folder, a file, `python`, or hf:OWNER/NAME.")] = None,
    teacher: Annotated[
        str | None, typer.Option(help="`offline`, or URL[#model] of an OpenAI-compatible server.")
    ] = None,
    skills: Annotated[str | None, typer.Option(help="`all`, or names with commas between.")] = None,
    out: Out = None,
    licence: Annotated[str | None, typer.Option(help="The SPDX licence of --seeds.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many seeds.")] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Take a changed recipe; unchanged calls are reused.")
    ] = False,
    shard: Annotated[
        str | None, typer.Option(help="I/N: the share I, from 0, of N; see genteach merge.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(help="`local`, `auto` or an address: --shards on a Ray cluster, then merged."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, help="How many, with --ray.")] = 1,
    journal_dir: JournalDir = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="The process that held this shard on another host is gone.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be asked, reused and bought, and stop.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Documents to verified pairs. The same command resumes a run that was stopped.

    Example: genteach generate --seeds docs/ --teacher http://127.0.0.1:8000/v1 --skills all --out runs/docs
    """
    from .config import load
    from .generate.command import generate as run
    from .generate.engine import Shard
    from .generate.recipe import GenerateRecipe
    from .generate.seeds import corpus_from

    corpora = [corpus_from(seeds, **_given(licence=licence))] if seeds else None
    given = _given(seeds=corpora, teacher=teacher, skills=skills, out=out, limit=limit)
    if config is None:
        given = {"skills": "all", **given}
    recipe = load(config, GenerateRecipe, given)
    where = {"shard": Shard.parse(shard or "0/1"), "journal_dir": journal_dir}
    if plan and not dry_run:
        from .generate.plan import plan as work

        work(recipe, update=update, as_json=json, **where)
    elif ray and not dry_run:
        from .generate.cluster import generate_on_ray

        told = {"journal_dir": journal_dir, "take_over": take_over, "update": update, "as_json": json}
        generate_on_ray(recipe, ray, shards, **told)
    else:
        run(recipe, update=update, dry_run=dry_run, as_json=json, take_over=take_over, **where)


@app.command()
def merge(run: Run) -> None:
    """The sealed parts of a run, from all its shards, to one round with one manifest.

    Example: genteach merge runs/docs
    """
    from .generate.command import merge_run

    merge_run(run)


@app.command()
def retry(
    run: Run,
    where: Annotated[
        str,
        typer.Option(
            help="KEY=VALUE, spaces between; KEY is skill, step, reason, seed_id or id, VALUE may hold *."
        ),
    ],
    config: Config = None,
    teacher: Annotated[str | None, typer.Option(help="As in genteach generate.")] = None,
    shard: Annotated[str | None, typer.Option(help="I/N, where the run was sharded.")] = None,
    journal_dir: JournalDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what matches and stop.")] = False,
    json: Json = False,
) -> None:
    """Open again the items that lost something, ask again where that happened, and generate on.

    Example: genteach retry runs/docs --where "reason=unreadable_reply skill=text_modification"
    """
    from .config import load
    from .generate.engine import Shard
    from .generate.recipe import GenerateRecipe
    from .generate.retry import retry as work

    recipe = load(config, GenerateRecipe, _given(out=run, teacher=teacher)) if config else None
    share = Shard.parse(shard) if shard else None
    told = {"recipe": recipe, "teacher": teacher, "shard": share, "journal_dir": journal_dir}
    work(run, where, dry_run=dry_run, as_json=json, **told)


@app.command()
def why(
    run: Run,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A pair, seed, work item or rejected row, by the beginning of its id; or a document.",
        ),
    ],
    journal_dir: JournalDir = None,
    full: Annotated[bool, typer.Option("--full", help="Whole texts, and all seeds of a document.")] = False,
) -> None:
    """The family tree of a pair, or what became of a seed.

    Example: genteach why runs/docs 3f2a9c
    """
    from .generate.why import why as work

    work(run, name, journal_dir=journal_dir, full=full)


@app.command()
def probe(
    run: Run,
    count: Annotated[int, typer.Option("--n", min=1, max=200, help="Planted seeds.")] = 200,
    teacher: Annotated[str | None, typer.Option(help="As in genteach generate.")] = None,
    json: Json = False,
) -> None:
    """Hostile seeds through the flows of a run: how often its teacher obeys a document.

    Example: genteach probe runs/docs --teacher http://127.0.0.1:8000/v1
    """
    from .generate.probe import probe as work

    work(run, count, teacher, as_json=json)


@orca_bench_app.command("build")
def orca_bench_build(
    run: Run,
    per_skill: Annotated[int, typer.Option("--n", "--per-skill", min=1, help="Items for each skill.")] = 100,
    teacher: Annotated[str | None, typer.Option(help="As in genteach generate.")] = None,
    json: Json = False,
) -> None:
    """Held-out documents to RUN/orca_bench: the benchmark that training never saw.

    Example: genteach orca-bench build runs/docs --teacher http://127.0.0.1:8000/v1
    """
    from .generate.command import build_orca_bench

    build_orca_bench(run, per_skill, teacher, as_json=json)


@app.command()
def skills(
    name: Annotated[
        str | None, typer.Argument(help="One skill, by its name or its file: all its entries.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="A run's folder: what each agent took there.")] = None,
) -> None:
    """The skills: their lists, and by what their pairs are verified.

    Example: genteach skills reading_comprehension --run runs/docs
    """
    from .generate.author.listing import list_skills

    list_skills(name, run)


@app.command("try")
def try_skill(
    skill: Annotated[str, typer.Argument(help="A skill, by its name or its file.")],
    seeds: Annotated[str, typer.Option(help="A folder, a file, `python`, or hf:OWNER/NAME.")],
    n: Annotated[int, typer.Option("--n", min=1, help="How many seeds.")] = 5,
    teacher: Annotated[str, typer.Option(help="As in genteach generate.")] = "offline",
    out: Annotated[
        Path | None, typer.Option(help="Keep the replies here; nothing is asked twice then.")
    ] = None,
    show_prompts: Annotated[
        bool, typer.Option("--show-prompts", help="Every prompt in full, with its reply.")
    ] = False,
    licence: Annotated[str | None, typer.Option(help="The SPDX licence of --seeds.")] = None,
) -> None:
    """A few seeds through a skill: passages, instructions, edits, replies and verdicts, as family trees.

    Example: genteach try text_modification --seeds docs/ --n 3 --teacher http://127.0.0.1:8000/v1
    """
    from .generate.author.command import try_skill as work
    from .generate.seeds import corpus_from
    from .generate.teacher import TeacherSettings

    corpus = corpus_from(seeds, **_given(licence=licence))
    work(skill, corpus, n, TeacherSettings.parse(teacher), out, show_prompts)


@app.command("new-skill")
def new_skill(
    specification: Annotated[str, typer.Argument(help="What the student is to learn, in a few sentences.")],
    teacher: Annotated[str, typer.Option(help="Who drafts: URL[#model] of an OpenAI-compatible server.")],
    seeds: Annotated[str | None, typer.Option(help="Documents to try it on, as in genteach try.")] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="How many of them.")] = 3,
    out: Annotated[Path, typer.Option(help="Where the skill's file goes.")] = Path("new-skills"),
) -> None:
    """A skill from a specification: the teacher drafts it as data, and it is checked and tried.

    Example: genteach new-skill "Find the fallacy in an argument." --teacher http://127.0.0.1:8000/v1 --seeds docs/
    """
    from .generate.author.command import new_skill as work
    from .generate.seeds import corpus_from
    from .generate.teacher import TeacherSettings

    work(specification, TeacherSettings.parse(teacher), out, corpus_from(seeds) if seeds else None, n)


@app.command()
def curate(
    run: Run,
    control: Annotated[
        str | None, typer.Option(help="`bare` or `unverified`: an arm to compare with.")
    ] = None,
    unanswerable: Annotated[
        float, typer.Option(min=0, max=1, help="The largest share of pairs that say that nothing is stated.")
    ] = 0.1,
) -> None:
    """Sealed pairs to a dataset: screened, deduplicated, with a card. Controls go to RUN/controls.

    Example: genteach curate runs/docs
    """
    from .generate.curate import curate as work

    work(run, control, unanswerable)


@app.command("init-student")
def init_student(
    config: Annotated[Path, typer.Option("--config", help="The student's shape.")],
    seeds: Annotated[Path, typer.Option(help="The seeds.parquet whose training split the tokenizer learns.")],
    out: Annotated[Path, typer.Option("--out", help="Where the checkpoint goes.")],
) -> None:
    """A small student from nothing: random weights, and a tokenizer of its own.

    Example: genteach init-student --config recipes/tiny/student.yaml --seeds runs/x/seeds.parquet --out runs/x/init
    """
    from .train.student import init_student as work

    work(config, seeds, out)


@app.command()
def tokenize(
    config: TrainConfig,
    set: Set = None,  # noqa: A002
    processes: Annotated[int | None, typer.Option(help="Worker processes; all cores by default.")] = None,
) -> None:
    """Pairs to shards of token ids and response masks.

    Example: genteach tokenize --config recipes/tiny/train.yaml
    """
    from .train.encode import tokenize as work
    from .train.recipe import parse_settings

    work(config, parse_settings(set or []), processes)


@app.command()
def pack(config: TrainConfig, set: Set = None) -> None:  # noqa: A002
    """Lengths to a plan: which documents share a row; no token is copied.

    Example: genteach pack --config recipes/tiny/train.yaml
    """
    from .train.pack import pack as work
    from .train.recipe import parse_settings

    work(config, parse_settings(set or []))


@app.command()
def train(
    config: TrainConfig,
    accelerate: Annotated[Path, typer.Option(help="The machine: a file of recipes/accelerate.")],
    set: Set = None,  # noqa: A002
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Shards and plan to a checkpoint: `accelerate launch … -m genteach.train`, in this process's place.

    Example: genteach train --config recipes/tiny/train.yaml --accelerate recipes/accelerate/cpu.yaml
    """
    from .run import BadInput
    from .train.model import check_model
    from .train.recipe import parse_settings, read_recipe

    if not accelerate.is_file():
        raise BadInput(f"--accelerate {accelerate}: no such file; recipes/accelerate/ holds some")
    check_model(read_recipe(config, parse_settings(set or [])).model_name_or_path)
    flags = [flag for setting in set or [] for flag in ("--set", setting)]
    flags += ["--dry-run"] * dry_run + ["--json"] * json
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(accelerate)]
    os.execv(sys.executable, [*launch, "-m", "genteach.train", "--config", str(config), *flags])


evaluate_app = typer.Typer(invoke_without_command=True)
app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.callback()
def evaluate(
    context: typer.Context,
    config: Config = None,
    model: Annotated[
        str | None, typer.Option(help="A checkpoint, a hub id, or URL#model of a server.")
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="agieval, bbh, gsm8k, mmlu; commas between.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="The benchmarks' files; else they come from the hub.")
    ] = None,
    orca_bench: Annotated[Path | None, typer.Option(help="What `genteach orca-bench build` wrote.")] = None,
    limit: Annotated[int | None, typer.Option(help="Items for each benchmark.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Items that are answered together.")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="The longest reply.")] = None,
    out: Out = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """A checkpoint to scores: every reply is kept, graded and counted. The same command resumes.

    Example: genteach evaluate --model runs/x/student --tasks gsm8k,mmlu,bbh,agieval --limit 100
    """
    if context.invoked_subcommand:
        return
    from .config import load
    from .evaluate.command import evaluate as work
    from .evaluate.recipe import EvaluateRecipe

    given = _given(model=model, tasks=tasks, data=data, orca_bench=orca_bench, limit=limit, out=out)
    given |= _given(batch_size=batch_size, max_new_tokens=max_new_tokens)
    work(load(config, EvaluateRecipe, given), dry_run=dry_run, as_json=json)


@evaluate_app.command("items")
def evaluate_items(
    tasks: Annotated[str, typer.Option(help="agieval, bbh, gsm8k, mmlu; commas between.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    data: Annotated[
        Path | None, typer.Option(help="The benchmarks' files; else they come from the hub.")
    ] = None,
) -> None:
    """The benchmarks' items as JSON lines, for decontamination.

    Example: genteach evaluate items --tasks gsm8k,mmlu --out items.jsonl
    """
    from .config import load
    from .evaluate.command import write_items
    from .evaluate.recipe import EvaluateRecipe

    write_items(load(None, EvaluateRecipe, _given(model="none", tasks=tasks, data=data, out=out)))


@app.command()
def compare(
    base: Annotated[Path, typer.Argument(help="Results of the base.")],
    student: Annotated[Path, typer.Argument(help="Results of the student.")],
    others: Annotated[list[Path] | None, typer.Argument(help="Results of other arms.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one page with tables, plot and answers.")] = None,
) -> None:
    """Two models or more on the same items: differences, intervals, a verdict for each task.

    Example: genteach compare runs/x/results/base runs/x/results/student --html runs/x/results/report.html
    """
    from .evaluate.compare import compare as work

    work(base, student, others or [], html)


@teacher_app.command("start")
def teacher_start(
    config: Config = None,
    server: Annotated[
        str | None, typer.Option(help="vllm, sglang, llama_cpp or transformers; see teacher.launch.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="What it serves: a hub id, a folder, a .gguf file.")
    ] = None,
    environment: Annotated[
        Path | None, typer.Option(help="The virtual environment that the server is installed in.")
    ] = None,
    replicas: Annotated[int | None, typer.Option(help="Independent servers.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option(help="GPUs of each.")] = None,
    logs: Annotated[Path, typer.Option(help="Where their logs and the token go.")] = Path("runs/teacher"),
) -> None:
    """Servers in the foreground, for several runs to share; Ctrl-C drains and stops them.

    Example: genteach teacher start --server vllm --model Qwen/Qwen2.5-72B-Instruct --tensor-parallel 8
    """
    from .config import load
    from .generate.recipe import GenerateRecipe
    from .generate.teacher import TeacherSettings
    from .generate.teacher.start import start

    launch = _given(server=server, model=model, environment=environment, replicas=replicas)
    launch |= _given(tensor_parallel=tensor_parallel)
    if config:
        settings = load(config, GenerateRecipe, {}).teacher
    else:
        settings = load(None, TeacherSettings, {"model": model, "launch": launch})
    start(settings, logs)


@teacher_app.command("status")
def teacher_status(
    urls: Annotated[list[str], typer.Argument(help="Base URLs, URL#model where a server has several.")],
    api_key_env: Annotated[str | None, typer.Option(help="The environment variable with the key.")] = None,
) -> None:
    """Who answers there, how fast, and how long their queues are.

    Example: genteach teacher status http://127.0.0.1:8000/v1
    """
    from .generate.teacher.status import status

    status(urls, api_key_env)


@teacher_app.command("tune")
def teacher_tune(
    config: Config = None,
    seeds: Annotated[str | None, typer.Option(help="As in genteach generate.")] = None,
    teacher: Annotated[str | None, typer.Option(help="As in genteach generate.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="For each setting.")] = 20.0,
    logs: Annotated[Path, typer.Option(help="Where the logs of launched servers go.")] = Path("runs/tune"),
) -> None:
    """The settings with the most tokens per second, on the prompts of your own run.

    Example: genteach teacher tune --seeds docs/ --teacher http://127.0.0.1:8000/v1
    """
    from .config import load
    from .generate.recipe import GenerateRecipe
    from .generate.seeds import corpus_from
    from .generate.teacher.tune import tune

    given = _given(seeds=[corpus_from(seeds)] if seeds else None, teacher=teacher)
    if config is None:
        given = {"skills": "all", "out": logs, **given}
    tune(load(config, GenerateRecipe, given), logs, seconds)


@teacher_app.command("fake")
def teacher_fake(
    answers: Annotated[str, typer.Option(help="`offline` (by rule), `hash`, or `recorded`.")] = "offline",
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    ledger: Annotated[
        Path | None, typer.Option(help="One line for each request and each finished reply.")
    ] = None,
    latency_ms: Annotated[float, typer.Option(help="How long each reply takes.")] = 0.0,
    slots: Annotated[int, typer.Option(help="Requests served at once; the others queue.")] = 64,
    recordings: Annotated[Path | None, typer.Option(help="Folder of recorded replies.")] = None,
    faults: Annotated[float, typer.Option(help="Share of requests that fail at first.")] = 0.0,
    fault_seed: Annotated[int, typer.Option(help="Which requests those are.")] = 0,
) -> None:
    """A stand-in for a language model on 127.0.0.1, for tests and demonstrations.

    Example: genteach teacher fake --answers offline --port 8000 --ledger ledger.jsonl
    """
    from .generate.teacher.fake import fake_teacher, serve_fake

    serve_fake(fake_teacher(answers, recordings, ledger, latency_ms, slots, faults, fault_seed), port)


def main() -> None:
    """Run the command; what stops it is one line on stderr and an exit code; wall time is printed last."""
    began = time.monotonic()
    for polite in (signal.SIGINT, signal.SIGTERM):
        signal.signal(polite, stop_politely)
    try:
        # Typer gives back the code of what it ended by itself, such as 130 for Ctrl-C.
        if code := app(standalone_mode=False):
            sys.exit(_stop("interrupted; run the same command to go on" if code == 130 else "stopped", code))
        if len(sys.argv) > 1 and "--help" not in sys.argv:
            _say(f"wall time {time.monotonic() - began:.1f} s")
    except Failure as failure:
        sys.exit(_stop(str(failure), failure.exit_code))
    except ModuleNotFoundError as missing:
        sys.exit(
            _stop(f"{missing.name} is not installed; the rest of genteach: pip install 'genteach[all]'", 4)
        )
    except BrokenPipeError:  # whoever read the output, `head` say, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (OSError, sqlite3.Error) as error:  # a full disk, a folder that went away
        sys.exit(_stop(str(error), 4))
    except MemoryError:
        sys.exit(_stop("out of memory; what was counted is safe: run the same command to go on", 4))
    except Exception as error:
        if not hasattr(error, "format_message"):  # not one of typer's own complaints about the command line
            raise
        message: str = error.format_message()  # type: ignore[attr-defined]
        if message.startswith("Usage:"):
            print(message)
            sys.exit(2)
        sys.exit(_stop(message.split("\n")[0], 2))


def _say(text: str) -> None:
    from .progress import say

    say(text)
    sys.stdout.flush()


def _stop(why: str, code: int) -> int:
    from .progress import printable

    print(f"genteach: {printable(why)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
