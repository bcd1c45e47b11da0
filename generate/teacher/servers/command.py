"""Any other OpenAI-compatible server, by its command line."""

from . import Command, LaunchSettings, Placement


def command(launch: LaunchSettings, place: Placement) -> Command:
    """Fills in {port}, {model} and {token}; the token is in the variable TEACHER_TOKEN too."""
    values = {"{port}": str(place.port), "{model}": place.name, "{token}": place.token}
    return Command(
        (*(_filled(word, values) for word in launch.command), *launch.options),
        {"TEACHER_TOKEN": place.token},
    )


def _filled(word: str, values: dict[str, str]) -> str:
    """Braces of any other kind stand as they are: a command line may hold JSON."""
    for place, value in values.items():
        word = word.replace(place, value)
    return word


def tries(options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Nothing is known of it."""
    return {}
