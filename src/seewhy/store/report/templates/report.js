// Photos with their maps, the cells of the matrix, and the photos in the plane. Names reach the page as text only.
const data = JSON.parse(document.getElementById("data").textContent);
const AT_FIRST = 12;

// What a map speaks for, in a few words.
function of(photo, role) {
  if (role === "predicted") return `for ${photo.predicted}`;
  if (role === "true") return `for ${photo.label}`;
  return role === "none" ? "no class" : "the class asked for";
}

function verdict(photo, parent) {
  const line = html("p", parent, undefined, "verdict");
  const score = photo.score ? ` (${photo.score})` : "";
  if (photo.wrong) {
    html("span", line, photo.label);
    line.append(", called ");
    html("b", line, `${photo.predicted}${score}`);
  } else line.append(`${photo.predicted}${score}`);
}

function card(number, parent, overlap) {
  const photo = data.photos[number];
  const figure = html("figure", parent, undefined, photo.wrong ? "shot wrong" : "shot");
  const row = html("div", figure, undefined, "views");
  const views = [["photo", photo.photo], ...photo.maps.map((map) => [of(photo, map.role), map.picture])];
  for (const [words, source] of views) {
    const view = html("span", row);
    const img = picture(source, view, "", `${photo.name}, ${words}`);
    img.width = photo.width;
    img.height = photo.height;
    html("small", view, words);
  }
  const caption = html("figcaption", figure);
  verdict(photo, caption);
  if (overlap) html("p", caption, `${overlap} overlap with the mean map`, "name");
  html("p", caption, photo.name, "name");
}

function fill(parent, numbers, overlaps, first = AT_FIRST) {
  parent.replaceChildren();
  parent.style.setProperty("--views", Math.max(1, ...numbers.map((number) => 1 + data.photos[number].maps.length)));
  const add = (number) => card(number, parent, overlaps && data.overlaps[number]);
  numbers.slice(0, first).forEach(add);
  const rest = numbers.slice(first);
  if (!rest.length) return;
  const more = html("button", parent, `Show ${rest.length} more`, "more");
  more.addEventListener("click", () => {
    more.remove();
    rest.forEach(add);
  });
}

for (const list of document.querySelectorAll("[data-list]")) {
  const numbers = data.lists[list.dataset.list] || [];
  fill(list, numbers, /^(typical|odd)-/.test(list.dataset.list), Number(list.dataset.first));
  if (!numbers.length) html("p", list, list.dataset.none, "hint");
}

// A cell opens its photos; Escape closes the dialog by itself, and the focus goes back to the cell.
const dialog = document.getElementById("cell");
for (const button of document.querySelectorAll("[data-cell]")) {
  button.addEventListener("click", () => {
    const numbers = data.cells[button.dataset.cell] || [];
    const count = Number(button.dataset.count);
    document.getElementById("cell-title").textContent = button.dataset.title;
    document.getElementById("cell-hint").textContent =
      numbers.length < count ? `${numbers.length} of ${count.toLocaleString("en")} photos, the surest first.` : count > 1 ? "The surest first." : "";
    fill(document.getElementById("cell-photos"), numbers);
    dialog.showModal();
    dialog.scrollTop = 0;
  });
}
if (dialog) {
  document.getElementById("cell-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

// Which method's mean maps are shown.
const switches = [...document.querySelectorAll("[data-method-switch]")];
for (const button of switches) {
  button.addEventListener("click", () => {
    for (const other of switches) other.setAttribute("aria-pressed", other === button);
    for (const part of document.querySelectorAll("[data-method]")) part.hidden = part.dataset.method !== button.dataset.methodSwitch;
  });
}

const plot = document.getElementById("plane");
if (plot) {
  const tip = document.getElementById("tip");
  const points = data.plane.points;
  const marks = svg("g", {}, plot);
  const rings = svg("g", {}, plot);
  const here = svg("circle", { class: "here", r: 0 }, plot);
  const radius = Math.min(10, Math.max(3.5, 140 / Math.sqrt(points.length)));
  const side = Math.min(110, Math.max(22, 900 / Math.sqrt(points.length)));
  const place = ([, x, y]) => [40 + 0.92 * x, 40 + 0.92 * y];
  const hidden = new Set();
  let focused = -1;
  const wrong_last = [...points].sort((a, b) => a[4] - b[4]); // on top
  for (const point of wrong_last) {
    const [x, y] = place(point);
    const group = data.plane.groups[point[3]];
    point.mark = svg("path", { d: group.shape, fill: group.colour, transform: `translate(${x} ${y}) scale(${radius})` }, marks);
    if (point[4]) point.ring = svg("circle", { class: "ring", r: 1.5 * radius, cx: x, cy: y }, rings);
  }
  function draw() {
    const photos = pressed("photos");
    for (const point of wrong_last) {
      const shown = !hidden.has(point[3]);
      const [x, y] = place(point);
      if (photos && point[7] && !point.image) {
        const [width, height] = [side * Math.min(1, point[8]), side * Math.min(1, 1 / point[8])];
        const box = { x: x - width / 2, y: y - height / 2, width, height };
        point.image = svg("g", {}, marks); // the frame of a mistake belongs to its photo: it covers no other
        svg("image", { href: point[7], ...box }, point.image);
        if (point[4]) svg("rect", { class: "edge", ...box }, point.image);
      }
      point.mark.style.display = shown && !(photos && point.image) ? "" : "none";
      if (point.image) point.image.style.display = shown && photos ? "" : "none";
      if (point.ring) point.ring.style.display = shown && !(photos && point.image) ? "" : "none";
    }
  }
  data.plane.groups.forEach((group, number) => {
    const button = html("button", document.getElementById("legend"));
    button.setAttribute("aria-pressed", "true");
    const sign = svg("svg", { viewBox: "-1.5 -1.5 3 3", "aria-hidden": "true" }, button);
    svg("path", { d: group.shape, fill: group.colour }, sign);
    html("span", button, group.count ? `${group.name} (${group.count.toLocaleString("en")})` : group.name);
    toggles(button, () => {
      if (!hidden.delete(number)) hidden.add(number);
      draw();
    });
  });
  const ways = ["points", "photos"].map((id) => document.getElementById(id));
  for (const way of ways) {
    way.addEventListener("click", () => {
      for (const other of ways) other.setAttribute("aria-pressed", other === way);
      draw();
    });
  }

  function point_at(number) {
    focused = number;
    const point = points[number];
    tip.style.display = point ? "flex" : "none";
    here.setAttribute("r", point ? 2.6 * radius : 0);
    if (!point) return;
    const [x, y] = place(point);
    here.setAttribute("cx", x);
    here.setAttribute("cy", y);
    tip.replaceChildren();
    const full = data.photos[point[0]];
    if (full) [full.photo, ...full.maps.map((map) => map.picture)].forEach((source) => picture(source, tip));
    else if (point[7]) picture(point[7], tip);
    const words = html("div", tip);
    html("b", words, point[6]);
    html("br", words);
    html("span", words, point[5]);
    const spot = new DOMPoint(x, y).matrixTransform(plot.getScreenCTM());
    place_tip(tip, plot.parentElement, spot.x, spot.y);
  }
  function nearest(event) {
    const spot = new DOMPoint(event.clientX, event.clientY).matrixTransform(plot.getScreenCTM().inverse());
    let [best, least] = [-1, 30];
    points.forEach((point, number) => {
      const [x, y] = place(point);
      const distance = Math.hypot(x - spot.x, y - spot.y);
      if (!hidden.has(point[3]) && distance < least) [best, least] = [number, distance];
    });
    return best;
  }
  plot.addEventListener("pointermove", (event) => point_at(nearest(event)));
  plot.addEventListener("click", (event) => point_at(nearest(event)));
  plot.addEventListener("pointerleave", () => point_at(-1));
  plot.addEventListener("blur", () => point_at(-1));
  const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") point_at(-1);
    const way = WAYS[event.key];
    if (!way) return;
    event.preventDefault();
    const from = focused >= 0 ? focused : 0;
    let [best, least] = [from, Infinity];
    points.forEach((point, number) => {
      const [dx, dy] = [point[1] - points[from][1], point[2] - points[from][2]];
      const along = dx * way[0] + dy * way[1];
      const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
      if (number !== from && !hidden.has(point[3]) && along > 0 && along >= aside && along + 2 * aside < least) {
        [best, least] = [number, along + 2 * aside];
      }
    });
    point_at(best);
  });
}

addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details")) part.open = true;
});
