"""Pictures as JPEG between machines, and images again where they are used."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.errors import BadInputError
from selfcue.messages import CompressedImage, Image
from selfcue.node import Link, Node
from selfcue.record.compressed import decode, encode
from selfcue.record.rules import TopicRule


def compressed(image: Image, quality: int) -> CompressedImage:
    """Return ``image`` (rgb8 or mono8) as JPEG of ``quality`` 1 to 100.

    Raises:
        BadInputError: JPEG cannot hold it.
    """
    return CompressedImage(stamp_ns=image.stamp_ns, frame_id=image.frame_id, **encode(image, TopicRule(jpeg=quality)))


def image_of(message: CompressedImage) -> Image:
    """Return the picture that ``message`` holds.

    Raises:
        BadInputError: it is damaged.
    """
    try:
        encoding, data = decode(message.format, message.data)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    return Image(stamp_ns=message.stamp_ns, frame_id=message.frame_id, encoding=encoding, data=data)


@dataclass(frozen=True)
class DecoderParams:
    """Settings of the decoder.

    Attributes:
        topic: of the images to make; ``TOPIC/compressed`` is heard.
    """

    topic: str = "camera/image"


class ImageDecoderNode(Node):
    """Make images of compressed ones: ``TOPIC/compressed`` (CompressedImage) in, ``TOPIC`` (Image) out.

    A damaged picture is left out and counted; the node's log says so.
    """

    Params = DecoderParams
    params: DecoderParams

    def configure(self, link: Link) -> None:
        self.damaged = 0
        self._images = link.advertise(self.params.topic, Image)
        link.subscribe(f"{self.params.topic}/compressed", CompressedImage, self._take, keep=4)

    def _take(self, message: CompressedImage) -> None:
        try:
            image = image_of(message)
        except BadInputError as error:
            self.damaged += 1
            self.log.warning("topic=%s damaged=%d %s", self.params.topic, self.damaged, error)
            return
        self._images.publish(image)
