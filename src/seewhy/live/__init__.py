"""A camera, a video or photos, and why the network says what it says, frame by frame while it happens."""

from seewhy.live.loop import LiveLoop, Moment, live
from seewhy.live.sources import Camera, FrameSource, Photos, Video, open_source

__all__ = ["Camera", "FrameSource", "LiveLoop", "Moment", "Photos", "Video", "live", "open_source"]
