import numpy as np
import pytest

from enicfer.faces.scene import EVERYWHERE, GRID, NEW_SOMETHING, Scene

NOBODY = np.empty((0, 4))


@pytest.fixture
def show(two_people):
    kind = type(two_people[0][0])

    def make(value=100, patch=None, seed=None):
        picture = np.full((240, 320, 3), value, np.uint8)
        if patch is not None:
            left, top, right, bottom, light = patch
            picture[top:bottom, left:right] = light
        if seed is not None:
            noise = np.random.default_rng(seed).normal(0, 3, picture.shape)
            picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
        return kind(0, 0.0, picture)

    return make


def searched(frame):
    scene = Scene()
    assert not scene.searched
    assert not scene.see(frame)
    scene.mark_searched(EVERYWHERE)
    assert scene.searched
    return scene


def test_noise_is_no_movement(show):
    scene = searched(show(seed=0))
    for seed in range(1, 20):
        assert not scene.see(show(seed=seed))
        assert scene.moved(NOBODY) is None


def test_what_comes_in_is_news_and_in_vain_only_once(show):
    scene = searched(show())
    scene.see(show(patch=(40, 60, 80, 120, 100 + round(1.5 * NEW_SOMETHING))))
    assert scene.moved(NOBODY) == (slice(3, 6), slice(2, 4))
    assert scene.changes(NOBODY) == (slice(3, 6), slice(2, 4))
    assert scene.changes(NOBODY) is None


def test_what_is_searched_is_still_until_it_moves_again(show):
    scene = searched(show())
    first, both = (40, 60, 80, 120, 150), (240, 60, 280, 120, 150)
    scene.see(show(patch=first))
    scene.mark_searched(scene.moved(NOBODY))
    assert scene.moved(NOBODY) is None
    scene.see(show(patch=both))
    # The first has gone, another has come: the rectangle holds both.
    assert scene.moved(NOBODY) == (slice(3, 6), slice(2, 14))
    scene.mark_searched((slice(3, 6), slice(2, 4)))
    assert scene.moved(NOBODY) == (slice(3, 6), slice(12, 14))


def test_a_slow_change_is_found_too(show):
    scene = searched(show())
    moved = [scene.see(show(patch=(40, 60, 80, 120, 100 + n))) or scene.moved(NOBODY) for n in range(6)]
    assert moved == [None] * 4 + [(slice(3, 6), slice(2, 4))] * 2


def test_a_known_face_is_no_news_and_its_movement_is_expected(show):
    scene = searched(show())
    scene.see(show(patch=(40, 60, 80, 120, 200)))
    assert scene.moved(np.array([[40.0, 60.0, 80.0, 120.0]])) is None
    assert scene.moved(np.array([[240.0, 60.0, 280.0, 120.0]])) == (slice(3, 6), slice(2, 4))
    assert scene.changes(np.array([[40.0, 60.0, 80.0, 120.0]])) is None
    assert scene.changes(np.array([[240.0, 60.0, 280.0, 120.0]])) == (slice(3, 6), slice(2, 4))


def test_the_region_holds_the_cells_and_those_around_them(show):
    scene = searched(show())
    assert scene.region((slice(3, 6), slice(2, 4))) == (20, 40, 100, 140)
    assert scene.region(EVERYWHERE) == (0, 0, 320, 240)
    assert scene.region((slice(0, 1), slice(15, 16))) == (280, 0, 320, 40)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (97, 1031), (1921, 1081)])
def test_regions_of_any_picture_lie_within_it_and_are_not_empty(two_people, size):
    width, height = size
    scene = searched(type(two_people[0][0])(0, 0.0, np.zeros((height, width, 3), np.uint8)))
    for row in range(GRID[0]):
        for column in range(GRID[1]):
            left, top, right, bottom = scene.region((slice(row, row + 1), slice(column, column + 1)))
            assert 0 <= left < right <= width and 0 <= top < bottom <= height


def test_most_of_the_picture_is_all_of_it(show):
    scene = searched(show())
    scene.see(show(patch=(20, 20, 300, 220, 130)))
    assert scene.moved(NOBODY) == EVERYWHERE


def test_another_scene_is_a_cut(show):
    scene = searched(show(60))
    assert not scene.see(show(80))
    assert scene.see(show(160))
    assert not scene.see(show(160))


def test_a_scene_leads_to_another_that_begins_as_it_ends(show):
    before, after, dark = Scene(), Scene(), Scene()
    for scene, values in ((before, (60, 200)), (after, (190, 60)), (dark, (100, 200))):
        for value in values:
            scene.see(show(value))
    assert before.leads_to(after)
    assert not before.leads_to(dark)
    assert Scene().leads_to(after) and before.leads_to(Scene())
