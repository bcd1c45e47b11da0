"""vLLM: `vllm serve`, in the names of 0.33."""

from . import HOST, Command, LaunchSettings, Placement, program

TRIES = (
    ("--max-num-seqs", "256"),
    ("--max-num-seqs", "1024"),
    ("--max-num-batched-tokens", "16384"),
    ("--disable-prefix-caching",),
)
SPECULATIVE = "--speculative-config"


def command(launch: LaunchSettings, place: Placement) -> Command:
    """Prefix caching is on for every model: agents that read one passage send the same bytes up to its end."""
    argv = [program("vllm", launch), "serve", str(launch.model), "--host", HOST, "--port", str(place.port)]
    argv += ["--served-model-name", place.name, "--tensor-parallel-size", str(launch.tensor_parallel)]
    argv += ["--enable-prefix-caching", "--enable-request-id-headers", "--disable-uvicorn-access-log"]
    argv += ["--shutdown-timeout", str(int(0.8 * launch.grace))]  # for what is in flight at SIGTERM
    if launch.max_model_len:
        argv += ["--max-model-len", str(launch.max_model_len)]
    return Command((*argv, *launch.options), {"VLLM_API_KEY": place.token, "VLLM_NO_USAGE_STATS": "1"})


def tries(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What may be faster than these options, by name."""
    found: dict[str, tuple[str, ...]] = {" ".join(added): (*options, *added) for added in TRIES}
    if SPECULATIVE in options:
        at = options.index(SPECULATIVE)
        found["no speculation"] = options[:at] + options[at + 2 :]
    return found
