"""How much memory a video takes, as it gets longer.

A short clip is made longer by repeating its packets, without coding it again, and each length is traced by a process
of its own. Prints the highest resident memory of each, also as a multiple of the first one's. Two hours take as long
as they take to process: give smaller numbers for a first look.

    python benchmarks/memory.py [--minutes 5 120] [--video FILE] [--folder DIR]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

from enicfer.synthetic.portraits import load_portrait

TRACE = """
import resource, sys, time
from pathlib import Path
from enicfer.pipeline.process import trace_video
start = time.perf_counter()
faces, trace = trace_video(sys.argv[1], ProcessingOptions(overwrite=True), output=sys.argv[2])
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(trace.status.size, peak, seconds)
"""


def write_clip(path: Path, n: int = 60, size: tuple[int, int] = (192, 144)) -> Path:
    """A clip of one person who moves a little."""
    import cv2

    person = load_portrait("hopper")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.options = {"preset": "ultrafast"}
        stream.codec_context.gop_size = n
        for i in range(n):
            scale = 0.26 * size[1] / 144
            at = np.array([size[0] / 2 + 4 * np.sin(2 * np.pi * i / n), size[1] / 2])
            matrix = np.column_stack([scale * np.eye(2), at - scale * person.centre])
            image = cv2.warpAffine(person.image, matrix, size)
            alpha = cv2.warpAffine(person.alpha, matrix, size)[..., None] / 255
            picture = (150 * (1 - alpha) + image * alpha).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


def repeat_clip(clip: Path, path: Path, seconds: float) -> Path:
    """Write a video of about ``seconds`` by repeating the packets of a clip, later each time."""
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        packets = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in source.demux(stream) if p.pts is not None]
        base = stream.time_base
        stamps = sorted(pts for _, pts, _, _ in packets)
        step = stamps[-1] - stamps[0] + round((stamps[-1] - stamps[0]) / max(len(stamps) - 1, 1))
        with av.open(str(path), "w") as target:
            out = target.add_stream_from_template(stream)
            for turn in range(max(1, round(seconds / float(step * base)))):
                for content, pts, dts, key in packets:
                    packet = av.Packet(content)
                    packet.stream, packet.time_base, packet.is_keyframe = out, base, key
                    packet.pts, packet.dts = pts + turn * step, dts + turn * step
                    target.mux(packet)
    return path


def measure_peak(video: Path, output: Path) -> tuple[int, float, float]:
    """Frames, highest resident memory in MB and seconds of a process that traces a video."""
    done = subprocess.run(
        [sys.executable, "-c", TRACE, str(video), str(output)], capture_output=True, text=True, check=True
    )
    frames, peak, seconds = done.stdout.split()[-3:]
    return int(frames), int(peak) / 1e6, float(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 120])
    parser.add_argument("--video", type=Path, help="clip to repeat instead of the generated one")
    parser.add_argument("--folder", type=Path, help="where the long videos are written")
    options = parser.parse_args()
    print("| minutes | frames | peak (MB) | of the first | frames/s |\n| --- | --- | --- | --- | --- |")
    first = None
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        clip = options.video or write_clip(Path(folder) / "clip.mkv")
        for minutes in options.minutes:
            video = repeat_clip(clip, Path(folder) / "long.mkv", 60 * minutes)
            frames, peak, seconds = measure_peak(video, Path(folder) / "trace.h5")
            first = peak if first is None else first
            print(
                f"| {minutes:g} | {frames} | {peak:.0f} | {peak / first:.2f} | {frames / seconds:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
