"""Two networks on the same photo, and three methods on the same network: do they look at, and name, the same places?"""

from __future__ import annotations

from common import save

import seewhy


def main(count: int = 8) -> None:
    networks = [seewhy.load("demo:honest"), seewhy.load("demo:shortcut")]
    photos = [scene.photo for scene in seewhy.demo.scenes(count, logo=True, labels=["bear"], seed=1)]
    comparison = seewhy.compare(networks, photos, target="bear", progress=False)
    print(comparison.sentence)
    save(comparison.plot(comparison.order()[0]), "compare_networks", shown=True)

    methods = seewhy.compare(networks[0], photos, ["grad_cam", "occlusion", "gradient"], "bear", progress=False)
    print(methods.sentence)
    save(methods.plot(), "compare_methods", shown=True)


if __name__ == "__main__":
    main()
