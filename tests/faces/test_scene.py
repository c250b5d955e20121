import numpy as np
import pytest

from enicfer.faces.scene import NEW_SOMETHING, Scene

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
    scene.mark_searched()
    assert scene.searched
    return scene


def test_noise_is_no_movement(show):
    scene = searched(show(seed=0))
    for seed in range(1, 20):
        assert not scene.see(show(seed=seed))
        assert scene.is_still(scene.change(NOBODY))


def test_what_comes_in_is_news_and_in_vain_only_once(show):
    scene = searched(show())
    scene.see(show(patch=(40, 60, 80, 120, 100 + round(1.5 * NEW_SOMETHING))))
    change = scene.change(NOBODY)
    assert not scene.is_still(change)
    assert scene.is_news(change)
    assert not scene.is_news(change)


def test_a_known_face_is_no_news(show):
    scene = searched(show())
    scene.see(show(patch=(40, 60, 80, 120, 200)))
    assert scene.change(np.array([[40.0, 60.0, 80.0, 120.0]])).max() == 0
    assert scene.change(np.array([[240.0, 60.0, 280.0, 120.0]])).max() > NEW_SOMETHING


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
