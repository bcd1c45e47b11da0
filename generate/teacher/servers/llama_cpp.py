"""llama.cpp: its own `llama-server` where there is one, else the server of llama-cpp-python."""

from . import HOST, Command, LaunchSettings, Placement, find, program


def command(launch: LaunchSettings, place: Placement) -> Command:
    """The first serves many requests at once and has /metrics; the second serves one after another."""
    if native := find("llama-server", launch.environment):
        return _native(native, launch, place)
    return _python(program("python", launch), launch, place)


def _native(path: str, launch: LaunchSettings, place: Placement) -> Command:
    model = str(launch.model)
    source = "--model" if model.endswith(".gguf") else "--hf-repo"
    argv = [
        path,
        source,
        model,
        "--alias",
        place.name,
        "--host",
        HOST,
        "--port",
        str(place.port),
        "--metrics",
    ]
    if launch.max_model_len:  # of one request; --ctx-size is of all slots together
        argv += ["--kv-unified-per-slot", str(launch.max_model_len)]
    return Command((*argv, *launch.options), {"LLAMA_API_KEY": place.token})


def _python(path: str, launch: LaunchSettings, place: Placement) -> Command:
    argv = [path, "-m", "llama_cpp.server", "--model", str(launch.model), "--model_alias", place.name]
    argv += ["--host", HOST, "--port", str(place.port), "--interrupt_requests", "false"]
    if place.gpus:
        argv += ["--n_gpu_layers", "-1"]
    if launch.max_model_len:
        argv += ["--n_ctx", str(launch.max_model_len)]
    return Command((*argv, *launch.options), {"API_KEY": place.token})


def tries(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """What may be faster than these options, by name: more requests at once."""
    return {f"--parallel {slots}": (*options, "--parallel", slots) for slots in ("8", "32")}
