"""Three hundred photos in one page, twice: a network that looks into a corner, and one that does not.

Both answer alike. Each folder of maps becomes one HTML file, and on its first screen, beside the share of right answers, stands
where the evidence lies on average. Nobody has to know where to look. The same numbers lie beside the page as JSON.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import common
import numpy as np
from PIL import Image

import seewhy

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main(count: int = 300) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scenes = seewhy.demo.scenes(count, logo=True)
        for number, scene in enumerate(scenes):
            path = Path(folder) / "photos" / scene.label / f"{number:03d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.photo).save(path, quality=92)
        for name in ("shortcut", "honest"):
            clf = seewhy.load(f"demo:{name}")
            store = seewhy.run(clf, Path(folder) / "photos", Path(folder) / name, labels="folders")
            page = store.report(common.OUT / f"report_{name}.html")
            numbers = json.loads(page.with_suffix(".json").read_text())
            print(f"{clf.name}: {numbers['right']} of {numbers['labelled']} right")
            for one in numbers["classes"]:
                (found,) = one["maps"]
                share = found["regions"]["lower left corner"]
                print(
                    f"  {one['name']}: {share['evidence']:.0%} of its evidence in the lower left {share['area']:.0%} of the photo"
                )
            maps = [np.array(one["maps"][0]["mean"]) for one in numbers["classes"]]
            titles = [f"{clf.name}: {one['name']}" for one in numbers["classes"]]
            common.save(seewhy.show.plot_maps(scenes[0].photo, maps, titles), f"report_{name}_maps")
            look_at(page, f"report_{name}", dark=name == "honest")
            if name == "shortcut":
                look_at(page, "report_narrow", size=(360, 800))


def look_at(page: Path, name: str, size: tuple[int, int] = (1280, 900), dark: bool = False) -> None:
    """The first screen as a picture, where there is a browser. size : width and height of its window."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"no browser for {name}: open {page.name}")
        return
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "screen.png"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        flags += [f"--window-size={size[0]},{size[1]}", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        command = [browser, *flags, f"--screenshot={picture}", page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(picture) as screen:
            common.save(screen.convert("RGB"), name, shown=True)


if __name__ == "__main__":
    main()
