"""
Which part of the face decided, in two groups
=============================================

Maps of which pixels a classifier's answer depends on, averaged on a common face, and compared between two
groups. Ten invented people per group are drawn; the second group wears dark glasses, so there should be
less around the eyes.
"""

# slow: 60 s

import cv2
import matplotlib.pyplot as plt
import numpy as np

import enicfer
from enicfer.faces.crop import crop_face, frame_face
from enicfer.saliency import REGIONS, compare_face_maps, explain_faces
from enicfer.saliency.pictures import FaceCrops
from enicfer.synthetic.portraits import PEOPLE, load_portrait
from enicfer.synthetic.warp import pose_portrait

rng = np.random.default_rng(0)
SIZE, N = 48, 10


# %%
# Two groups of faces
# -------------------
def draw_face(person, expression, strength, light, glasses):
    """A grey crop as the classifier sees it, and the landmarks in it as fractions of its side."""
    portrait = load_portrait(person)
    image, alpha = pose_portrait(portrait, expression, strength, rng.uniform(-0.1, 0.1))
    picture = (image + (255 - alpha[..., None]) / 255 * 120).mean(axis=2)
    points = portrait.five_points
    if glasses:
        for x, y in points[:2]:
            cv2.ellipse(picture, (int(x), int(y)), (26, 18), 0, 0, 360, 25.0, -1)
        cv2.line(
            picture, tuple(points[0].astype(int).tolist()), tuple(points[1].astype(int).tolist()), 25.0, 4
        )
    picture = np.clip(picture * light + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
    matrix = frame_face(portrait.box, points, SIZE)
    return crop_face(picture, portrait.box, points, SIZE), (points @ matrix[:, :2].T + matrix[:, 2]) / SIZE


def draw_group(prefix, glasses):
    """Ten people with two pictures of two expressions each."""
    faces = [
        (
            f"{prefix}{person:02d}",
            draw_face(PEOPLE[person % 2], expression, rng.uniform(0.7, 1), light, glasses),
        )
        for person, light in enumerate(rng.uniform(0.6, 1.0, N))
        for expression in ("happy", "surprised", "happy", "surprised")
    ]
    crops = np.stack([crop for _, (crop, _) in faces])
    return FaceCrops(
        name=np.array([f"{prefix}{i}.png" for i in range(len(faces))]),
        subject=np.array([subject for subject, _ in faces]),
        crop=crops,
        picture=np.stack([cv2.resize(crop, (192, 192)) for crop in crops]),
        landmarks=np.stack([points for _, (_, points) in faces]),
        found=np.ones(len(faces), bool),
    )


groups = {"without": draw_group("a", False), "glasses": draw_group("b", True)}
figure, axes = plt.subplots(2, 6, figsize=(8, 3), layout="constrained")
figure.suptitle("Some of the faces, with and without glasses")
for row, faces in zip(axes, groups.values(), strict=True):
    for ax, crop in zip(row, faces.crop[::5], strict=False):
        ax.imshow(crop, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])

# %%
# Maps
# ----
# The command for pictures in folders is ``enicfer saliency MODEL IMAGE... -o DIR``; it checks the maps as well.
model = enicfer.load_model("ronnet-7")
maps = {
    name: explain_faces(model, faces, expression="happy", checks=0).maps for name, faces in groups.items()
}

# %%
# Compare
# -------
# Every person counts once. P values are corrected for all regions and expressions.
found = compare_face_maps(*maps.values(), tuple(maps), paired=False, permutations=499)
for sentence in found.sentences():
    print(sentence)
table = found.table()
print(table[["region", "share_a", "share_b", "p_corrected"]].round(4).to_string(index=False))

figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for offset, column, name, colour in (
    (-0.2, "share_a", *("without", "#0072B2")),
    (0.2, "share_b", *("glasses", "#E69F00")),
):
    ax.bar(np.arange(len(REGIONS)) + offset, table[column], 0.4, label=name, color=colour)
for place, p in enumerate(table["p_corrected"]):
    if p < 0.05:
        ax.text(place, table[["share_a", "share_b"]].iloc[place].max(), "*", ha="center", fontsize=14)
ax.set(
    xticks=range(len(REGIONS)),
    xticklabels=list(REGIONS),
    ylabel="share of the map",
    title="Where the answer comes from (* p < 0.05, corrected)",
)
ax.legend()
assert table.set_index("region").loc["eyes", "difference"] > 0
