"""The page of the server's settings."""

from __future__ import annotations

from peephole.serve import settings as server


def server_page() -> str:
    """Every setting of the server."""
    lines = ["| option | variable | default | must be | meaning |", "|---|---|---|---|---|"]
    for name in server.setting_names():
        value = server.default(name)
        shown = (
            "no"
            if value is False
            else "none"
            if value in (None, ())
            else f"{value:g}"
            if isinstance(value, float)
            else value
        )
        written = "`[MODEL]...`" if name == "models" else f"`{server.option(name)}`"
        rule = server.rule_text(name).removeprefix("must be ")
        lines.append(f"| {written} | `{server.variable(name)}` | {shown} | {rule} | {server.meaning(name)} |")
    return "\n".join([
        "# The server's settings",
        "",
        "Every setting of `peephole serve`, as an option or an environment variable; the option wins. In Python,",
        "`peephole.serve.Settings`. [How to serve a model](../how-to/serve.md) says what they are for.",
        "",
        *lines,
        "",
    ])  # fmt: skip
