"""Numbers to pictures.

Everything that is shown goes through two places: ``colour`` turns raw numbers into colours, and ``Panel`` (title,
pixels, caption, colour bar) is what figures, pages and notebooks render. matplotlib and jinja2 are imported when they
draw.
"""

from seewhy.show.colour import colourise, displayable, min_max
from seewhy.show.figures import histogram, lines, plot_maps, sheet
from seewhy.show.html import Section, gallery
from seewhy.show.montage import montage
from seewhy.show.overlay import cam_show, frame, outline, overlay
from seewhy.show.panel import Bar, Panel
from seewhy.show.tables import jet

__all__ = [
    "Bar",
    "Panel",
    "Section",
    "cam_show",
    "colourise",
    "displayable",
    "frame",
    "gallery",
    "histogram",
    "jet",
    "lines",
    "min_max",
    "montage",
    "outline",
    "overlay",
    "plot_maps",
    "sheet",
]
