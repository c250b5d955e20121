"""Interlaced pictures: two instants in one, on the even and the odd lines.

The first of the two fields is the one that the time stamp is of. It alone is used, scaled up to the full height:
mixing both, as most deinterlacers do, would mix two instants 20 ms apart.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import av

_PROGRESSIVE = 1  # FFmpeg's AV_FIELD_PROGRESSIVE; 0 is unknown
_BOTTOM_FIRST = (3, 4)  # AV_FIELD_BB and AV_FIELD_TB


def is_interlaced(codec: Any) -> bool:
    """Whether a decoder's context says that pictures have two fields."""
    return int(codec.field_order or 0) > _PROGRESSIVE


class FirstField:
    """Takes the first field of interlaced pictures, and leaves the others as they are.

    Parameters
    ----------
    codec
        The decoder's context; it knows the order of the fields, as far as the file tells it.
    """

    def __init__(self, codec: Any) -> None:
        self._codec = codec
        self._graph: Any = None
        self._made_for: tuple[int, int, str] | None = None

    def take(self, image: "av.VideoFrame") -> "av.VideoFrame":
        """A picture of one instant, of the size and the time of ``image``."""
        if not image.interlaced_frame:
            return image
        kind = image.width, image.height, image.format.name
        if kind != self._made_for:
            self._graph, self._made_for = self._make(image), kind
        self._graph.push(image)
        field: av.VideoFrame = self._graph.pull()
        field.pts, field.time_base = image.pts, image.time_base
        return field

    def _make(self, image: "av.VideoFrame") -> Any:
        from av.filter import Graph

        graph = Graph()
        steps = [
            graph.add_buffer(
                width=image.width, height=image.height, format=image.format, time_base=image.time_base
            ),
            graph.add("field", "bottom" if int(self._codec.field_order or 0) in _BOTTOM_FIRST else "top"),
            graph.add("scale", f"w={image.width}:h={image.height}:flags=bilinear:interl=0"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*steps)
        graph.configure()
        return graph
