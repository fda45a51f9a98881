"""Panels as pages: one file each, pictures inside, nothing fetched, no script."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seewhy.formatting import format_number
from seewhy.show.colour import Floats, Pixels, to_bytes
from seewhy.show.figures import ACROSS, WIDE
from seewhy.show.panel import Bar, Panel

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup
    from PIL import Image

STOPS = 24  # of a colour bar's gradient
SMALL = 300 * 300  # pixels; smaller pictures stay free of loss
_OF_MANY = 75  # quality of the JPEG pictures on a page of many
_NUMBER = re.compile(r"[+−-]?[\d.,]+(e[+-]?\d+)?\s*%?|–")


@dataclass(frozen=True, eq=False)
class Section:
    """A part of a story.

    heading : its title, may be empty.
    text : paragraphs, parted by empty lines. `Backticks` mark code, and so do four spaces before every line.
    panels : pictures with their captions.
    table : rows of cells, the first one the heads; numbers are set to the right.
    """

    heading: str
    text: str
    panels: Sequence[Panel] = ()
    table: Sequence[Sequence[object]] | None = None


def gallery(title: str, sections: Iterable[Section], lead: str = "", footer: str = "") -> str:
    """A story as one HTML page: sections of prose, each with a row of pictures and perhaps a table.

    sections : each is drawn before the next one is asked for. lead : a few sentences below the title. footer : one small line at
    the end.
    """
    rendered = [
        {
            "heading": section.heading,
            "paragraphs": _paragraphs(section.text),
            "shots": picture_row(section.panels) if section.panels else None,
            "table": _table(section.table),
        }
        for section in sections
    ]
    template = environment().get_template("gallery.html")
    return template.render(title=title, lead=_paragraphs(lead), sections=rendered, footer=footer)


_TEMPLATES = Path(__file__).parent / "templates"


@lru_cache(maxsize=4)
def environment(*folders: Path) -> Environment:
    """What renders the templates: those of ``folders``, and ours, which they may extend."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,  # class names come from files: they may hold anything
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def joined_script(*files: Path) -> Markup:
    """The script of a page, behind the functions that all of them share."""
    from markupsafe import Markup

    return Markup("\n".join(file.read_text(encoding="utf-8") for file in (_TEMPLATES / "elements.js", *files)))


def source_hash(text: str) -> str:
    """A script or a style inside a page as a Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def picture_row(panels: Sequence[Panel], fine: bool = True) -> dict[str, Any]:
    """Panels beside each other: at most four across, very wide pictures below each other. fine : False for a page of very many,
    whose bytes count more than a loss that is seen only beside the original."""
    aspects = [panel.pixels.shape[1] / panel.pixels.shape[0] for panel in panels]
    shape = "wide" if min(aspects) > WIDE else "tall" if max(aspects) < 0.7 else ""
    across = -(-len(panels) // -(-len(panels) // ACROSS))
    return {"all": [_shot(panel, fine) for panel in panels], "shape": shape, "across": across}


def _shot(panel: Panel, fine: bool) -> dict[str, Any]:
    """A panel as the templates see it."""
    (height, width) = panel.pixels.shape[:2]
    return {
        "title": panel.title,
        "caption": panel.caption,
        "source": _data_uri(panel) if fine else jpeg_uri(panel.pixels, _OF_MANY),
        "width": width,
        "height": height,
        "bar": None if panel.bar is None else _gradient(panel.bar),
    }


def _data_uri(panel: Panel) -> str:
    """The pixels inside the page: small ones as PNG, large ones as JPEG at a quality whose loss cannot be seen."""
    from PIL import Image

    buffer = io.BytesIO()
    picture = Image.fromarray(panel.pixels)
    if panel.pixels.shape[0] * panel.pixels.shape[1] <= SMALL:
        picture.save(buffer, "PNG")
        return _uri("png", buffer)
    picture.save(buffer, "JPEG", quality=90, subsampling=0)
    return _uri("jpeg", buffer)


def notebook_table(picture: Image.Image, rows: Sequence[Sequence[object]], footer: str = "") -> str:
    """A picture beside a table for a notebook cell: no page around them, styles on the elements alone.

    rows : of cells, the first one the heads; numbers are set to the right. footer : one small line below.
    """
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    template = environment().get_template("table.html")
    width = picture.width // 2  # drawn at twice the resolution of a page
    return template.render(source=_uri("png", buffer), width=width, alt=footer, table=_table(rows), footer=footer)


def jpeg_uri(pixels: Pixels, quality: int) -> str:
    """A picture inside a page that holds very many: small above all."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return _uri("jpeg", buffer)


def _uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _gradient(bar: Bar) -> dict[str, Any]:
    table = bar.table
    if not bar.high > bar.low:
        table = table[len(table) // 2 if bar.signed else 0][None]
    return {
        "colours": gradient(table),
        "marks": [text for _, text in bar.marks],
        "label": bar.label,
    }


def gradient(table: Floats) -> str:
    """A colour table ``(m, 3)`` in [0, 1] as CSS, from left to right."""
    rows = to_bytes(255 * table)
    stops = [rows[round(part * (len(rows) - 1) / (STOPS - 1))] for part in range(STOPS)]
    return f"linear-gradient(to right, {', '.join('#{:02x}{:02x}{:02x}'.format(*row) for row in stops)})"


def _paragraphs(text: str) -> list[Any]:
    """Prose as safe HTML: empty lines part paragraphs, backticks and four spaces mark code."""
    from markupsafe import Markup, escape

    paragraphs = []
    for block in text.strip("\n").split("\n\n"):
        lines = block.strip("\n").split("\n")
        if all(line.startswith("    ") for line in lines):
            paragraphs.append(Markup("<pre>{}</pre>").format("\n".join(line[4:] for line in lines)))
        elif block.strip():
            parts = [Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(block.split("`"))]
            paragraphs.append(Markup("<p>{}</p>").format(Markup("").join(parts)))
    return paragraphs


def _table(rows: Sequence[Sequence[object]] | None) -> list[list[dict[str, Any]]] | None:
    """Cells as text. A column of numbers is set to the right, its head too."""
    if not rows:
        return None
    texts = [[format_number(cell) if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    right = [all(_NUMBER.fullmatch(row[c]) for row in texts[1:] if c < len(row)) for c in range(len(texts[0]))]
    return [[{"text": text, "number": number} for text, number in zip(row, right, strict=False)] for row in texts]
