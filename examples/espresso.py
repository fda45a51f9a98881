"""A real network and a real photo: SqueezeNet looks at a cup of espresso, and tells it from the surface of the coffee.

The photo comes with scikit-image (Rachel Michetti, courtesy of Pikolo Espresso Bar, CC0). The demo network knows drawings of
three animals and calls the cup one of them: a network must know what it is shown.
"""

from __future__ import annotations

import common
import skimage.data

import seewhy


def main() -> None:
    photo = skimage.data.coffee()
    demo = seewhy.explain(seewhy.load("demo:honest"), photo)
    print(f"the demo network: {'; '.join(str(p) for p in demo.predictions)}")
    common.save(demo.image(), "espresso_by_demo_network")

    if (common.DATA / "squeezenet1_0_imagenet.safetensors").is_file():
        clf = common.squeezenet()
    else:
        print("The real network's weights are not beside the project: the demo network goes on.")
        clf = seewhy.load("demo:honest")
    clf = clf.with_preprocess(resize="shorter", crop=False)
    e = seewhy.explain(clf, photo)
    print(f"{clf.name}: {'; '.join(str(p) for p in e.predictions)}")
    common.save(e.image(), "espresso", shown=clf.name.startswith("squeezenet"))
    common.save(seewhy.explain(clf, photo, method="occlusion").image(), "espresso_by_occlusion")


if __name__ == "__main__":
    main()
