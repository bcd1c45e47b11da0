"""SGLang: `sglang serve`, in the names of 0.5."""

from . import HOST, Command, LaunchSettings, Placement, program

TRIES = (
    ("--schedule-policy", "lpm"),
    ("--chunked-prefill-size", "16384"),
    ("--max-running-requests", "1024"),
)


def command(launch: LaunchSettings, place: Placement) -> Command:
    """Its prefix cache is always on. It reads its key from no variable, but from a file of options it does."""
    options = place.folder / f"sglang-{place.port}.yaml"
    argv = [program("sglang", launch), "serve", "--model-path", str(launch.model), "--config", str(options)]
    argv += ["--host", HOST, "--port", str(place.port), "--tp-size", str(launch.tensor_parallel)]
    argv += ["--served-model-name", place.name, "--enable-metrics", "--log-level-http", "warning"]
    if launch.max_model_len:
        argv += ["--context-length", str(launch.max_model_len)]
    return Command((*argv, *launch.options), files={options: f"api-key: {place.token}\n"})


def tries(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What may be faster than these options, by name."""
    return {" ".join(added): (*options, *added) for added in TRIES}
