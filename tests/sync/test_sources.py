from dataclasses import replace

import numpy as np
import pytest

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.sync import SOURCES, Evidence, align

FRAME = 1 / 30


def blink(onset, video_time, exposure=0.6):
    lit = np.zeros(len(video_time))
    for start in onset:
        light = np.minimum(video_time, start + 0.2) - np.maximum(video_time - exposure * FRAME, start)
        lit = np.maximum(lit, np.clip(light / (exposure * FRAME), 0, 1))
    return 40 + 120 * lit + np.random.default_rng(0).normal(0, 1, len(video_time))


@pytest.fixture
def scene():
    rng = np.random.default_rng(5)
    onset = np.cumsum(rng.uniform(3, 8, 40))
    video_time = np.arange(1, int((onset[-1] + 3) / FRAME)) * FRAME
    evidence = Evidence(video_time, onset * 1.0002 + 50, brightness=blink(onset, video_time))
    return onset, evidence


def error(found, v, slope=1.0002, offset=50.0):
    return np.abs(found.time(v) - (slope * v + offset))


def test_led(scene):
    _, evidence = scene
    found = align(evidence, Pulses())
    assert len(found.pulse_time) == 40
    assert error(found, evidence.video_time).max() < 0.003
    assert np.all(error(found, evidence.video_time) <= found.uncertainty(evidence.video_time))
    np.testing.assert_allclose(
        found.residual, found.pulse_time - found.time(found.pulse_video_time), atol=1e-9
    )
    assert found.details.pieces[0].runner_up.n_matched < 10


def test_the_led_is_found_in_a_grid(scene):
    _, evidence = scene
    rng = np.random.default_rng(1)
    grid = np.clip(rng.normal(90, 2, (len(evidence.video_time), 12, 16)), 0, 255).astype(np.uint8)
    grid[:, 3, 7] = evidence.brightness
    found = align(replace(evidence, brightness=grid), Pulses())
    assert found.details.led_cell == (3, 7, 12, 16)
    dark = np.full_like(grid, 90)
    with pytest.raises(AlignmentError, match="No part of the picture flashes"):
        align(replace(evidence, brightness=dark), Pulses())


def test_a_restarted_camera_gives_two_pieces_that_meet_at_the_gap(scene):
    onset, evidence = scene
    v, middle = evidence.video_time, float(onset[20] - 1)
    kept = (v < middle) | (v > middle + 12)  # 12 s were not filmed, and the file's clock stood still
    lost = 12 - FRAME
    stamped = np.where(v < middle, v, v - lost)[kept]
    moved = replace(evidence, video_time=stamped, brightness=evidence.brightness[kept])
    with_file = align(replace(moved, video_breaks=(float(stamped[stamped >= middle][0]),)), Pulses())
    truth = v[kept] * 1.0002 + 50
    assert np.abs(with_file.time(stamped) - truth).max() < 0.006
    assert "2 separate pieces" in with_file.notes[0]
    # without the file's start, frames between the last pulse before and the first one after have no time
    blind = align(moved, Pulses())
    known = np.isfinite(blind.time(stamped))
    assert 0.8 < known.mean() < 1
    assert np.abs(blind.time(stamped) - truth)[known].max() < 0.006


def test_a_paused_recording_gives_two_pieces_and_a_hole(scene):
    onset, evidence = scene
    pause = (float(onset[19]) + 0.5, float(onset[23]) + 0.5)  # on the video's clock
    t = evidence.pulse_time
    cut = (pause[1] - pause[0]) * 1.0002
    at = pause[0] * 1.0002 + 50
    kept = (onset < pause[0]) | (onset > pause[1])
    shortened = np.where(onset < pause[0], t, t - cut)[kept]
    found = align(replace(evidence, pulse_time=shortened, gaps=((at, at),)), Pulses())
    v = evidence.video_time
    inside = (v > pause[0] + 0.01) & (v < pause[1] - 0.01)
    assert np.all(np.isnan(found.time(v[inside])))
    after = v > pause[1] + 0.01
    assert np.abs(found.time(v[after]) - (1.0002 * v[after] + 50 - cut)).max() < 0.006


def test_a_file_without_pulses_has_no_time(scene):
    onset, evidence = scene
    end = float(onset[-1]) + 1
    found = align(replace(evidence, video_breaks=(end,)), Pulses())
    assert np.isfinite(found.time(end - 0.1))
    assert np.isnan(found.time(end + 0.1))
    assert "No pulse tells the time" in found.notes[-1]


class TestBreakWithoutASecondPiece:
    """The recording lost 30 s at 125 s; only three pulses follow, too few for a piece of their own."""

    video_time = np.arange(6000) * FRAME
    before = np.sort(np.random.default_rng(0).uniform(5, 120, 20))
    after = np.array([160.3, 171.9, 188.2])

    def align(self, flipped=False, recorded=3, filmed=3, **more):
        v, end = self.video_time, 200.0
        seen = np.concatenate([self.before, self.after[:filmed]])
        there = np.concatenate([self.before + 7, self.after[:recorded] - 23])
        if flipped:  # the same, running backwards
            seen, there = np.sort(end - seen), np.sort(end - there)
            more["gaps"] = tuple((end - b, end - a) for a, b in more.get("gaps", ()))
        return align(Evidence(v, there, brightness=blink(seen, v), **more), Pulses())

    @pytest.mark.parametrize("flipped", [False, True])
    def test_pulses_that_do_not_fit_end_the_map(self, flipped):
        found = self.align(flipped)
        end = found.pulse_video_time[0 if flipped else -1]
        later = self.video_time < end - 0.2 if flipped else self.video_time > end + 0.2
        assert np.all(np.isnan(found.time(self.video_time[later])))
        assert np.isfinite(found.time(self.video_time[~later])).mean() > 0.99
        assert any("do not fit together" in note for note in found.notes)

    @pytest.mark.parametrize("flipped", [False, True])
    def test_missing_samples_end_the_map_where_they_are(self, flipped):
        found = self.align(flipped, filmed=0, recorded=0, gaps=((132.0, 132.0),))
        known = self.video_time > 75 if flipped else self.video_time < 125
        sure = np.abs(self.video_time - (75 if flipped else 125)) > 0.1
        assert np.array_equal(np.isfinite(found.time(self.video_time))[sure], known[sure])
        assert "No pulse tells the time" in found.notes[-1]

    @pytest.mark.parametrize(
        "more", [{"filmed": 0}, {"recorded": 0}, {"gaps": ((132.0, 140.0),), "filmed": 0}]
    )
    @pytest.mark.parametrize("flipped", [False, True])
    def test_pulses_on_one_side_only_do_not(self, flipped, more):
        found = self.align(flipped, **more)
        assert np.isfinite(found.time(self.video_time)).all()

    def test_nor_do_those_that_the_stopped_recording_could_not_have(self):
        found = self.align(recording_stop=166.0)
        assert np.isfinite(found.time(self.video_time)).all()

    def test_a_long_gap_between_frames_may_be_a_restart(self):
        late = self.video_time + np.where(self.video_time > 130, 20.0, 0)
        short = self.video_time + np.where(self.video_time > 130, 0.5, 0)
        for v, all_known in ((late, False), (short, True)):
            found = align(Evidence(v, self.before + 7, brightness=blink(self.before, v)), Pulses())
            assert np.isfinite(found.time(v[v > 130])).all() == all_known
            assert np.isfinite(found.time(v[v < 130])).all()

    def test_a_metronome_moved_by_whole_periods_is_refused(self):
        onset = 1.007 * np.arange(97) + 0.3
        v = np.arange(3000) * FRAME
        seen = blink(onset, v)
        kept = (onset < 40) | (onset > 70.5)
        there = np.where(onset < 40, onset + 5, onset + 5 - 30 * 1.007)[kept]
        with pytest.raises(AlignmentError, match=r"lacks samples at 45\.0 s, and its pulses are too regular"):
            align(Evidence(v, there, brightness=seen, coarse_offset=(5, 0.4), gaps=((45.0, 45.0),)), Pulses())
        nothing_lost = align(
            Evidence(
                v,
                self.before + 7,
                brightness=blink(self.before, v),
                coarse_offset=(7, 0.4),
                gaps=((60.0, 60.0),),
            ),
            Pulses(),
        )
        assert np.isfinite(nothing_lost.time(v)).all()

    def test_metronome_with_a_coarse_offset(self):
        onset = 1.007 * np.arange(97) + 0.3
        v = np.arange(3000) * FRAME
        kept = (onset < 40) | (onset > 70.5)
        there = np.where(onset < 40, onset + 5, onset - 25.4)[kept]
        found = align(Evidence(v, there, brightness=blink(onset, v), coarse_offset=(5, 0.4)), Pulses())
        truth = np.where(v < 39.4, v + 5, np.where(v > 71, v - 25.4, np.nan))
        answered = np.isfinite(found.time(v)) & np.isfinite(truth)
        assert answered.mean() > 0.3
        assert np.abs(found.time(v) - truth)[answered].max() < 0.01


def test_beeps():
    rng = np.random.default_rng(2)
    onset = np.cumsum(rng.uniform(1, 4, 30))
    sound = rng.normal(0, 0.005, int((onset[-1] + 1) * 8000))
    for start in onset:
        first = int(np.ceil(start * 8000))
        sound[first : first + 400] += 0.4 * np.sin(
            2 * np.pi * 1000 * (np.arange(400) / 8000 + first / 8000 - start)
        )
    v = np.arange(0, onset[-1], FRAME)
    found = align(Evidence(v, onset * 1.0002 + 50, sound=sound, sound_rate=8000), Pulses(source="audio"))
    assert error(found, v).max() < 0.0005
    evidence = Evidence(v, onset * 1.0002 + 50, sound=sound, sound_rate=8000, sound_bound=0.003)
    assert align(evidence, Pulses(source="audio")).floor[0] == pytest.approx(found.floor[0] + 0.003)


class TestFramePulses:
    pulses = Pulses(source="frames", codes=("R128",))
    slot = np.arange(9000)
    time = 12.5 + slot * FRAME * 1.0003

    def frames(self, dropped):
        kept = np.ones(9000, bool)
        kept[dropped] = False
        return (self.slot * FRAME)[kept], kept

    def test_dropped_frames_are_found_and_placed(self):
        v, kept = self.frames([100, 101, 4000, 8000])
        found = align(Evidence(v, self.time), self.pulses)
        assert np.abs(found.time(v) - self.time[kept]).max() < 1e-6
        assert found.details.dropped_frames == 4
        assert found.details.dropped_before_frame == (100, 3998, 7997)
        assert "4 of 9000 frames were dropped" in found.notes[0]

    def test_more_pulses_than_exposures_widen_the_bound(self):
        v, _ = self.frames([])
        found = align(Evidence(v[:-2], self.time), self.pulses)
        assert found.uncertainty(v[5]) >= 2 * FRAME
        prior = align(Evidence(v[:-2], self.time, coarse_offset=(12.51, 0.01)), self.pulses)
        assert prior.uncertainty(v[5]) < 0.001

    def test_an_irregular_pulse_chooses_no_shift_of_regular_frames(self):
        v, pulse = np.arange(300) * FRAME, 3 + np.arange(301) * FRAME
        pulse[0] -= 0.005
        found = align(Evidence(v, pulse), self.pulses)
        assert np.all(np.abs(found.time(v) - v - 3) <= found.uncertainty(v))
        assert found.uncertainty(v).min() >= FRAME  # it may be the other one

    @pytest.mark.parametrize(("duration", "rate"), [(10, 1000), (60, 1000), (60, 500), (60, 250)])
    @pytest.mark.parametrize("drift", [0, 10e-6])
    def test_the_rounding_of_the_times_does_not_choose_the_shift(self, duration, rate, drift):
        rng = np.random.default_rng(duration + rate)
        for first in (0, 1, 2, 3):
            exposure = rng.uniform(3, 9) + np.arange(duration * 30 + 3) * FRAME * (1 + drift)
            v = np.round(np.arange(duration * 30) * FRAME, 3)  # as MKV has them
            evidence = Evidence(v, np.ceil(exposure * rate) / rate, recording_tick=1 / rate)
            found = align(evidence, self.pulses)
            wrong = np.abs(found.time(v) - exposure[first : first + len(v)])
            assert np.all(wrong <= found.uncertainty(v) + 1 / rate)

    @pytest.mark.parametrize("fps", [25, 29.97, 30, 50, 60, 100, 120])
    @pytest.mark.parametrize("rate", [250, 256, 500, 512, 1000, 1024, 5000])
    def test_pulses_rounded_to_samples_are_counted_over_gaps(self, fps, rate):
        kept = np.concatenate([np.arange(1000), np.arange(1000 + 20 * round(fps), 5000)])
        v, pulse = np.round(np.arange(5000) / fps, 3), 5 + np.arange(5000) / fps
        found = align(Evidence(v[kept], np.ceil(pulse * rate) / rate, recording_tick=1 / rate), self.pulses)
        assert np.abs(found.time(v[kept]) - pulse[kept]).max() < 1 / rate + 0.001
        assert found.details.dropped_frames == 20 * round(fps)

    def test_pulses_that_come_twice_are_refused(self):
        v = np.arange(600) * FRAME
        with pytest.raises(AlignmentError, match="come twice at the same time"):
            align(Evidence(v, np.repeat(5 + v, 2)), self.pulses)

    def test_exposures_lost_between_two_files_are_refused(self):
        v, pulse = np.arange(3000) * FRAME, 3 + np.arange(3010) * FRAME
        with pytest.raises(AlignmentError, match=r"2 video files span 3000 exposures .* 3010 camera pulses"):
            align(Evidence(v, pulse, coarse_offset=(3.0, 0.015), video_breaks=(60.0,)), self.pulses)
        whole = align(Evidence(v, pulse[:3000], video_breaks=(60.0,)), self.pulses)
        assert np.abs(whole.time(v) - v - 3).max() < 1e-6

    def test_pulses_off_the_line_for_long_are_refused_or_widen_the_bound(self):
        v = np.arange(3000) * FRAME
        pulse = 3 + v + np.where(v > 50, 0.02, 0)  # too little for another exposure
        found = align(Evidence(v, pulse), self.pulses)
        assert np.mean(np.abs(found.time(v) - pulse) <= found.uncertainty(v)) > 0.95
        drifting = 3 + v + 0.1 * np.sin(v / 30)
        with pytest.raises(AlignmentError, match=r"off a straight line by .* more than half a frame"):
            align(Evidence(v, drifting), self.pulses)

    def test_irregular_pulses_tell_the_shift_themselves(self):
        rng = np.random.default_rng(0)
        exposure = np.cumsum(FRAME * (1 + rng.uniform(-0.05, 0.05, 5000)))
        found = align(Evidence(exposure[40:4900], exposure + 3), self.pulses)
        assert abs(found.time(exposure[100]) - exposure[100] - 3) < 1e-6
        assert found.details.shift == 40

    def test_jitter_of_the_stamps_does_no_harm(self):
        rng = np.random.default_rng(1)
        v, kept = self.frames(rng.choice(9000, 300, replace=False))
        stamped = np.maximum.accumulate(v + rng.uniform(-0.006, 0.006, len(v)))
        found = align(Evidence(stamped, self.time), self.pulses)
        assert np.abs(found.time(v) - self.time[kept]).max() < 0.002

    @pytest.mark.parametrize(
        ("v", "t", "message"),
        [
            (slot * FRAME, slot * FRAME / 2, "every 33.33 ms but the camera pulses every 16.67 ms"),
            (slot * FRAME, slot[:8000] * FRAME, "span 9000 exposures but the recording has only 8000"),
            (slot[:8000] * FRAME, slot * FRAME, "9000 camera pulses and the video spans 8000 exposures"),
            (slot[:5] * FRAME, slot * FRAME, "5 frames and the recording 9000"),
        ],
    )
    def test_what_cannot_be_placed_is_refused(self, v, t, message):
        with pytest.raises(AlignmentError, match=message):
            align(Evidence(v, t), self.pulses)


def test_a_frame_stream():
    v = np.arange(3000) * FRAME
    number = np.delete(np.arange(3000), [5, 6, 2000])
    found = align(
        Evidence(v, stream_frame=number, stream_time=v[number] * 1.0002 + 50, stream_bound=0.001),
        Pulses(source="stream"),
    )
    assert error(found, v).max() < 1e-6
    assert found.uncertainty(v[0]) >= 0.001
    with pytest.raises(AlignmentError, match="belongs to another video"):
        align(Evidence(v, stream_frame=number + 10**6, stream_time=v[number]), Pulses(source="stream"))


class TestStream:
    pulses = Pulses(source="stream")
    exposure = np.arange(3000) * FRAME

    def test_time_stamps_without_numbers_must_be_as_many_as_the_frames(self):
        early = (np.arange(3060) - 60) * FRAME + 50
        with pytest.raises(
            AlignmentError, match=r"no frame numbers and 3060 time stamps, .* has 3000 frames"
        ):
            align(Evidence(self.exposure, stream_time=early), self.pulses)
        found = align(Evidence(self.exposure, stream_time=self.exposure + 50), self.pulses)
        assert np.abs(found.time(self.exposure) - self.exposure - 50).max() < 1e-6

    @pytest.mark.parametrize("of_exposures", [True, False])
    def test_numbers_of_exposures_or_frames_where_the_file_lacks_some(self, of_exposures):
        kept = np.delete(np.arange(3000), [500, 1200, 1900, 2600])
        v = self.exposure[kept]
        number = np.arange(3000 if of_exposures else len(v))
        jitter = np.random.default_rng(0).normal(0, 0.001, len(number))
        time = (self.exposure if of_exposures else v) + 50 + jitter
        found = align(Evidence(v, stream_frame=number, stream_time=time), self.pulses)
        assert np.abs(found.time(v) - v - 50).max() < 0.001
        assert bool(found.notes) == of_exposures

    def test_exposures_are_counted_over_a_long_gap_of_rounded_stamps(self):
        kept = np.concatenate([np.arange(1000), np.arange(1400, 3000)])
        v = np.round(self.exposure[kept], 3)
        found = align(Evidence(v, stream_frame=kept, stream_time=self.exposure[kept] + 50), self.pulses)
        assert np.abs(found.time(v) - v - 50).max() < 0.001

    @pytest.mark.parametrize("number", [np.arange(2990), np.arange(3060), np.arange(-5, 3000)])
    def test_numbers_that_do_not_end_with_the_video_are_refused(self, number):
        with pytest.raises(AlignmentError, match=f"frames {number[0]} to {number[-1]}, .* 3000 frames"):
            align(Evidence(self.exposure, stream_frame=number, stream_time=number * FRAME + 50), self.pulses)

    def test_a_file_that_closed_its_gaps_is_refused(self):
        number = np.delete(np.arange(3000), [500, 1200, 1900, 2600])
        v = np.arange(len(number)) * FRAME  # stamped as if no frame were missing
        time = number * FRAME + 50
        with pytest.raises(AlignmentError, match=r"off a straight line|closed the gaps of lost frames"):
            align(Evidence(v, stream_frame=np.arange(len(v)), stream_time=time), self.pulses)


def test_a_marker_at_the_start_says_that_the_drift_is_unknown():
    v = np.arange(100, 3000) * FRAME
    found = align(Evidence(v, np.array([7.0])), Pulses(source="start", max_drift=500))
    assert found.time(v[0]) == pytest.approx(7.0)
    assert found.uncertainty(v[0] + 100) == pytest.approx(FRAME + 0.95 * 0.05)
    assert "drift is taken as 0" in found.notes[0]
    with pytest.raises(AlignmentError, match=r"2 markers of the video's start \('S 1'\): there must be one"):
        align(Evidence(v, np.array([7.0, 9.0])), Pulses(source="start", codes=("S 1",)))


def test_wall_clocks_are_a_coarse_prior_only():
    v = np.arange(3000) * FRAME
    found = align(Evidence(v, video_start_wall=1000.0, recording_start_wall=940.0), Pulses(source="clock"))
    assert found.time(0.0) == pytest.approx(60.0)
    assert found.uncertainty(0.0) >= 60
    with pytest.raises(AlignmentError, match="The video does not say at what time of day"):
        align(Evidence(v, recording_start_wall=940.0), Pulses(source="clock"))


def test_anchors():
    v = np.arange(3000) * FRAME
    found = align(Evidence(v), Pulses(source="anchors", anchors=((10.0, 110.0), (90.0, 190.02))))
    assert found.time(10.0) == pytest.approx(110, abs=1e-6)
    assert found.time(90.0) == pytest.approx(190.02, abs=1e-6)
    assert found.uncertainty(50.0) > 0.05
    with pytest.raises(AlignmentError, match="gives 1 anchors: at least two"):
        align(Evidence(v), Pulses(source="anchors", anchors=((10.0, 110.0),)))
    with pytest.raises(AlignmentError, match=r"1\.1000 times as fast"):
        align(Evidence(v), Pulses(source="anchors", anchors=((10.0, 110.0), (110.0, 220.0))))


@pytest.mark.parametrize("source", ["led", "audio", "frames", "start"])
def test_a_recording_without_pulses_is_refused_with_the_code(source):
    v = np.arange(300) * FRAME
    evidence = Evidence(v, brightness=np.zeros(300), sound=np.zeros(8000), sound_rate=8000)
    with pytest.raises(AlignmentError, match="no pulse with the code 'S 9'"):
        align(evidence, Pulses(source=source, codes=("S 9",)))


def test_missing_evidence_and_unknown_sources_are_refused():
    v = np.arange(300) * FRAME
    with pytest.raises(AlignmentError, match="has no sound track"):
        align(Evidence(v, np.arange(5.0)), Pulses(source="audio"))
    with pytest.raises(AlignmentError, match="No stream of frame numbers"):
        align(Evidence(v), Pulses(source="stream"))
    with pytest.raises(AlignmentError, match=f"allowed are {', '.join(SOURCES)}"):
        align(Evidence(v), Pulses(source="telepathy"))


@pytest.mark.parametrize("phase", [0.3, 0.31, 0.32])
def test_pulses_at_one_place_of_a_frame_are_not_averaged(phase):
    """A metronome of 1.000 s before a camera of 30 frames/s: the error of one onset is that of all."""
    onset, v = np.arange(100) + phase, np.arange(3000) * FRAME
    found = align(Evidence(v, onset + 5, brightness=blink(onset, v), coarse_offset=(5.0, 0.4)), Pulses())
    assert abs(found.time(50.0) - 55.0) <= found.uncertainty(50.0)
    assert "irregular intervals" in " ".join(found.notes)
    drifting = np.arange(100) * 1.0007 + phase
    found = align(
        Evidence(v, drifting + 5, brightness=blink(drifting, v), coarse_offset=(5.0, 0.4)), Pulses()
    )
    assert abs(found.time(50.0) - 55.0) <= found.uncertainty(50.0) < FRAME / 2


@pytest.mark.parametrize("source", ["led", "audio", "frames", "start"])
def test_a_protocol_without_codes_is_named_as_the_cause(source):
    video = np.arange(0, 60, 1 / 30)
    evidence = Evidence(video, brightness=np.zeros(len(video)), sound=np.zeros(48000), sound_rate=800.0)
    with pytest.raises(
        AlignmentError, match=rf"\[pulses\] has no codes, which the source {source} needs: write"
    ):
        align(evidence, Pulses(source=source))


def test_anchors_on_a_line_are_no_better_than_they_were_typed():
    anchors = tuple((10.0 * i, 10.0 * i * 1.0001 + 3.0) for i in range(5))
    found = align(Evidence(np.arange(0, 50, 1 / 30), np.empty(0)), Pulses(source="anchors", anchors=anchors))
    assert 0.5e-3 <= found.uncertainty(25.0) < 1e-3
