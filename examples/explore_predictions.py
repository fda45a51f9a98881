"""Source 002: explore a prediction. So far: classify, the top three, Grad-CAM at the last and at an early layer, two classes."""

from __future__ import annotations

from common import classifier, has_real_data, photo, save

import seewhy


def main() -> None:
    clf = classifier()  # the document stretches its photo (resize="stretch"); this tall one would become somebody else
    dog = photo("golden_retriever", 2)
    for place, prediction in enumerate(clf.classify(dog), start=1):
        print(f"{place}. {prediction.name:25s} {prediction.score:.5f}")

    deep = seewhy.explain(clf, dog)
    early = "features.3" if has_real_data() else "block1"
    shallow = seewhy.explain(clf, dog, layer=early)
    print(f"deep: {deep.layer} {deep.maps.shape[1:]}, shallow: {shallow.layer} {shallow.maps.shape[1:]}")
    figure = seewhy.show.plot_maps(
        deep.photo.original,
        [deep.on_photo()[0], shallow.on_photo()[0]],
        ["Deep Layer", "Shallow Layer"],
        alpha=0.5,
        cmap="jet",
    )
    save(figure, "002_deep_and_shallow")
    save(seewhy.explain(clf, dog, target="top3").image(), "002_top_three")


if __name__ == "__main__":
    main()
