"""What all pages share: one style, one frame, no request, and a policy that forbids any."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from segcert.text import printable

HERE = Path(__file__).parent
STYLE, COMMON = "page.css", "page_common.js"


def render(template: str, script: str, **context: object) -> str:
    """Render a page that is one file: the style and the scripts are in it, and no others may run.

    Args:
        template: Name of its template.
        script: Name of its script, which follows the one that all pages share.
        context: What the template shows; names and texts are made printable and escaped.

    Returns:
        HTML.
    """
    style = (HERE / STYLE).read_text("utf-8")
    code = "".join((HERE / name).read_text("utf-8") for name in (COMMON, script))
    return load_template(template).render(
        style=Markup(style),
        script=Markup(code),
        style_hash=policy_hash(style),
        script_hash=policy_hash(code),
        **{name: harmless(value) for name, value in context.items()},
    )


def harmless(value: object) -> object:
    """Make the texts in data printable: scripts show them as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    if isinstance(value, dict):
        return {key: harmless(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [harmless(part) for part in value]
        return parts if isinstance(value, list) else tuple(parts)
    return value


@cache
def load_template(name: str) -> Template:
    """Load a template of this folder, which escapes what it is given."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def data_link(kind: str, content: bytes) -> str:
    """Put content into a link that needs no request."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def policy_hash(text: str) -> str:
    """Name an inline style or script in a policy. Source: W3C, CSP Level 3, hash-source."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def hex_colour(colour: tuple[int, int, int]) -> str:
    """Write a colour as HTML does."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
