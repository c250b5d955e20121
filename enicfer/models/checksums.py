"""Checksums of the tensors in the model files that come with the package (`enicfer.models.weights.digest_tensors`).

Files that are trained now carry their checksum in themselves.
"""

from pathlib import Path

SHIPPED_FOLDER = Path(__file__).parent / "weights"
CHECKSUMS = {
    "googlenet-7.safetensors": "91fcdbc3fc512b8d6a1ad6734052e094e79b61c50b56ada2a514075c24326d06",
    "ronnet-5.safetensors": "d997b76033cfb2440fe5c078d90df784b3707955be9b238b3e6d788a00936c8d",
    "ronnet-7-votes.safetensors": "0c9c69483846af18499ea3b6efaa11ec9b5b3e1908ce078419d8a52b2dd192e2",
    "ronnet-7.safetensors": "956975d6cfc05f228e34504ae4a440afc2abb2a9a707c34393794ef850e57682",
}
