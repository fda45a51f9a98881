// Photos as points: hover shows one, a click opens it, the legend hides classes, the wheel zooms. Names reach the page as text only.
const data = JSON.parse(document.getElementById("data").textContent);
const photos = data.photos;
const plot = document.getElementById("plot");
const tip = document.getElementById("tip");
const opened = document.getElementById("opened");
const search = document.getElementById("search");
const hidden = new Set();
const view = { zoom: 1, x: 0, y: 0 };
let focused = -1;
let open = -1;
let waiting = false;

const points = svg("g", {}, plot);
const rings = svg("g", {}, plot);
const here = svg("circle", { class: "here", r: 0 }, plot);
for (const photo of [...photos].sort((a, b) => a.wrong - b.wrong || b.group - a.group)) { // misclassified above, grey (last in the legend) below
  const group = data.groups[photo.group];
  photo.mark = svg("path", { d: group.shape, fill: group.colour }, points);
  if (photo.wrong) photo.ring = svg("circle", { class: "ring", r: 1.75 * data.radius }, rings);
}

data.groups.forEach((group, number) => {
  const button = html("button", document.getElementById("legend"));
  button.setAttribute("aria-pressed", "true");
  const sign = svg("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" }, button);
  svg("path", { d: group.shape, fill: group.colour }, sign);
  html("span", button, `${group.name} (${group.count.toLocaleString("en")})`);
  toggles(button, () => {
    if (!hidden.delete(number)) hidden.add(number);
    draw();
  });
});

function isShown(photo) {
  const words = search.value.trim().toLowerCase();
  const texts = [photo.name, photo.label || "", photo.prediction];
  return (
    !hidden.has(photo.group) &&
    (!pressed("only") || photo.wrong) &&
    (!words || texts.some((text) => text.toLowerCase().includes(words)))
  );
}

const place = (photo) => [view.zoom * photo.x + view.x, view.zoom * photo.y + view.y];

function draw() {
  waiting = false;
  const asPhotos = pressed("photos");
  const side = Math.min(110, data.side * Math.sqrt(view.zoom));
  for (const photo of photos) {
    const [x, y] = place(photo);
    photo.shown = isShown(photo);
    const off = photo.shown && x > -60 && x < 1060 && y > -60 && y < 1060 ? "" : "none";
    if (asPhotos && !photo.image) photo.image = svg("image", { href: photo.thumb }, points);
    photo.mark.style.display = asPhotos ? "none" : off;
    photo.mark.setAttribute("transform", `translate(${x} ${y}) scale(${data.radius})`);
    if (photo.image) {
      photo.image.style.display = asPhotos ? off : "none";
      for (const [key, value] of Object.entries({ x: x - side / 2, y: y - side / 2, width: side, height: side })) {
        photo.image.setAttribute(key, value);
      }
    }
    if (photo.ring) {
      photo.ring.style.display = off;
      photo.ring.setAttribute("cx", x);
      photo.ring.setAttribute("cy", y);
      photo.ring.setAttribute("r", asPhotos ? 0.62 * side : 1.75 * data.radius);
    }
  }
  const marked = photos[focused >= 0 ? focused : open];
  here.setAttribute("r", !marked || !marked.shown ? 0 : asPhotos ? 0.7 * side : 2.5 * data.radius);
  if (marked) {
    const [x, y] = place(marked);
    here.setAttribute("cx", x);
    here.setAttribute("cy", y);
  }
}

function redraw() {
  if (!waiting) requestAnimationFrame(draw);
  waiting = true;
}

// Where the pointer is, in the plot's own units.
function at(event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
  return [point.x, point.y];
}

function nearest([x, y], reach) {
  let best = -1;
  photos.forEach((photo, number) => {
    const [px, py] = place(photo);
    const distance = Math.hypot(px - x, py - y);
    if (photo.shown && distance < reach) [best, reach] = [number, distance];
  });
  return best;
}

function verdict(photo, parent) {
  const line = html("p", parent, undefined, photo.wrong ? "verdict wrong" : "verdict");
  if (photo.label !== null) {
    line.append(photo.own ? "True class: " : "Group: ");
    html("span", line, photo.own ? `${photo.label} (${photo.own})` : photo.label);
    html("br", line);
  }
  line.append("Predicted: ");
  html("b", line, `${photo.prediction} (${photo.score})`);
  if (photo.wrong) line.append(", misclassified");
}

function point_at(number) {
  focused = number;
  const photo = photos[number];
  tip.style.display = photo ? "flex" : "none";
  if (photo) {
    tip.replaceChildren();
    picture(photo.thumb, tip);
    const words = html("div", tip);
    html("b", words, photo.name);
    verdict(photo, words);
    const [x, y] = place(photo);
    const spot = new DOMPoint(x, y).matrixTransform(plot.getScreenCTM());
    place_tip(tip, plot.parentElement, spot.x, spot.y);
  }
  redraw();
}

function nearby(title, numbers, parent) {
  html("h3", parent, title);
  const row = html("div", parent, undefined, "near");
  for (const number of numbers) {
    const photo = photos[number];
    const button = html("button", row);
    button.title = `${photo.name}: ${photo.label === null ? photo.prediction : photo.label}`;
    button.style.borderColor = data.groups[photo.group].colour;
    picture(photo.thumb, button, "", button.title);
    button.addEventListener("click", () => show(number));
  }
}

function show(number) {
  const photo = photos[number];
  if (!photo) return;
  open = number;
  history.replaceState(null, "", `#${number}`);
  opened.replaceChildren();
  for (const seen of photo.explained) {
    const figure = html("figure", opened);
    picture(seen.picture, figure, "large", seen.title);
    html("figcaption", figure, seen.title);
  }
  if (!photo.explained.length) {
    const figure = html("figure", opened);
    picture(photo.thumb, figure, "large", photo.name);
    html("figcaption", figure, data.none);
  }
  html("h2", opened, photo.name);
  verdict(photo, opened);
  nearby(`Nearest at ${data.layer}`, photo.features, opened);
  nearby("Nearest in 16×16 pixels", photo.pixels, opened);
  opened.scrollTop = 0;
  if (opened.getBoundingClientRect().top > innerHeight - 120) opened.scrollIntoView({ block: "nearest", behavior: "smooth" });
  redraw();
}

function zoom_at([x, y], factor) {
  const zoom = Math.min(60, Math.max(1, view.zoom * factor));
  view.x = x - ((x - view.x) * zoom) / view.zoom;
  view.y = y - ((y - view.y) * zoom) / view.zoom;
  view.zoom = zoom;
  if (zoom === 1) view.x = view.y = 0;
  point_at(-1);
}

const fingers = new Map();
let moved = 0;
plot.addEventListener("pointerdown", (event) => {
  if (!fingers.size) moved = 0;
  fingers.set(event.pointerId, at(event));
  plot.setPointerCapture(event.pointerId);
});
plot.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  const now = at(event);
  if (!before) {
    if (event.pointerType === "mouse") point_at(nearest(now, 28));
    return;
  }
  const step = Math.hypot(now[0] - before[0], now[1] - before[1]);
  moved += step;
  if (moved < 6) return;
  if (fingers.size === 2) {
    const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    zoom_at(other, spread(now) / Math.max(1, spread(before)));
  } else {
    view.x += now[0] - before[0];
    view.y += now[1] - before[1];
    point_at(-1);
  }
  fingers.set(event.pointerId, now);
});
plot.addEventListener("pointerup", (event) => {
  if (moved < 6 && fingers.size === 1) {
    const number = nearest(at(event), 40);
    point_at(number);
    show(number);
  }
  fingers.delete(event.pointerId);
});
plot.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
plot.addEventListener("pointerleave", () => point_at(-1));
plot.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom_at(at(event), Math.exp(-event.deltaY / 400));
}, { passive: false });

// Arrow keys: the nearest photo that lies rather this way than another.
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
plot.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && focused >= 0) show(focused);
  if (event.key === "Escape") point_at(-1);
  if (event.key === "+" || event.key === "-") zoom_at([500, 400], event.key === "+" ? 1.4 : 1 / 1.4);
  const way = WAYS[event.key];
  if (!way) return;
  event.preventDefault();
  const from = focused >= 0 ? focused : open >= 0 ? open : nearest([500, 400], Infinity);
  if (from < 0) return;
  let [best, least] = [from, Infinity];
  photos.forEach((photo, number) => {
    const [dx, dy] = [photo.x - photos[from].x, photo.y - photos[from].y];
    const along = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (photo.shown && number !== from && along > 0 && along >= aside && along + 2 * aside < least) {
      [best, least] = [number, along + 2 * aside];
    }
  });
  point_at(best);
});

for (const id of ["only", "photos"]) {
  const button = document.getElementById(id);
  if (button) toggles(button, draw);
}
search.addEventListener("input", redraw);
document.getElementById("reset").addEventListener("click", () => zoom_at([0, 0], 0));
function follow() {
  const number = location.hash.slice(1);
  if (/^\d+$/.test(number)) show(Number(number));
}
addEventListener("hashchange", () => {
  follow();
  plot.scrollIntoView({ block: "nearest" });
});
draw();
follow();
