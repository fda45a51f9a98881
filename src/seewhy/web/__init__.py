"""Pages that a server on this machine shows in a browser: for now, the one where the camera looks and the map follows."""

from seewhy.web.explaining import Explainer
from seewhy.web.guard import ServerAddress
from seewhy.web.server import create_app, serve

__all__ = ["Explainer", "ServerAddress", "create_app", "serve"]
