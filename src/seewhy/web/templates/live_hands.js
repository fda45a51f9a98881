// What a person does with the picture: reads values, keeps it, presses keys. It follows live.js, and begins its work at the end.
// ---- reading values -----------------------------------------------------------------------------------------------------------

// The picture inside the canvas' box, which may be wider or taller than it.
function box() {
  const edges = screen_.getBoundingClientRect();
  const scale = Math.min(edges.width / screen_.width, edges.height / screen_.height);
  const [width, height] = [scale * screen_.width, scale * screen_.height];
  return { left: edges.left + (edges.width - width) / 2, top: edges.top + (edges.height - height) / 2, width, height };
}

function value_at([across, down]) {
  const { pixels, values } = shown;
  const x = Math.min(Math.floor(across * pixels.width), pixels.width - 1);
  const y = Math.min(Math.floor(down * pixels.height), pixels.height - 1);
  return values[y * pixels.width + x];
}

function read_value() {
  tip.style.display = spot.style.display = reading && shown ? "block" : "none";
  if (!reading || !shown) return;
  const { head, limits } = shown;
  const value = value_at(reading);
  const words = Number.isNaN(value) ? "not seen by the network" : `${number(value, limits[1])} ${head.units}`;
  const [bold, small] = tip.querySelectorAll("b, small");
  if (bold.textContent !== words) bold.textContent = words;
  small.textContent = `row ${Math.floor(reading[1] * head.photo[0])}, column ${Math.floor(reading[0] * head.photo[1])}`;
  const { left, top, width, height } = box();
  const [x, y] = [left + reading[0] * width, top + reading[1] * height];
  const edges = view.getBoundingClientRect();
  [spot.style.left, spot.style.top] = [`${x - edges.left}px`, `${y - edges.top}px`];
  place_tip(tip, view, x, y);
}

function read_at(event) {
  const { left, top, width, height } = box();
  const [across, down] = [(event.clientX - left) / width, (event.clientY - top) / height];
  reading = across >= 0 && across < 1 && down >= 0 && down < 1 ? [across, down] : null;
  read_value();
}
screen_.addEventListener("pointermove", read_at);
screen_.addEventListener("pointerdown", read_at);
screen_.addEventListener("pointerleave", (event) => {
  if (event.pointerType !== "mouse") return;
  reading = null;
  read_value();
});
screen_.addEventListener("blur", () => {
  reading = null;
  read_value();
});

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
screen_.addEventListener("keydown", (event) => {
  if (event.key === "Escape") reading = null;
  const way = WAYS[event.key];
  if (way) {
    event.preventDefault();
    const step = event.shiftKey ? 0.005 : 0.03;
    const from = reading || [0.5, 0.5];
    reading = from.map((part, axis) => Math.min(Math.max(part + step * way[axis], 0), 0.9999));
  }
  read_value();
});
addEventListener("resize", read_value);

// ---- keeping ------------------------------------------------------------------------------------------------------------------

const saves = new Map(); // sequence -> name of its files

function download(blob, name) {
  const link = html("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// What is seen, with a line below that says what it is, and the record of the very same frame.
function save() {
  if (!shown) return;
  const { head, limits } = shown;
  const name = `seewhy-live-${new Date().toISOString().slice(0, 23).replace(/[-:.]/g, "")}`;
  saves.set(head.sequence, name);
  if (saves.size > 20) saves.delete(saves.keys().next().value);
  const sheet = document.createElement("canvas");
  const line = 22;
  [sheet.width, sheet.height] = [screen_.width, screen_.height + 2 * line];
  const context = sheet.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(screen_, 0, 0);
  context.fillStyle = "#1d1c1a";
  context.font = "13px system-ui, sans-serif";
  const what = head.by_class ? `${head.target.name} (${head.target.text})` : "no class";
  const range = `${head.signed ? `${number(limits[0], limits[1])} to ` : "0 to "}${number(limits[1])} ${head.units}`;
  context.fillText(`${what}  ·  ${range}`, 8, screen_.height + 16, sheet.width - 16);
  context.fillText([data.model, head.method, head.layer].filter(Boolean).join("  ·  "), 8, screen_.height + line + 14, sheet.width - 16);
  sheet.toBlob((blob) => download(blob, `${name}.png`), "image/png");
  if (socket.readyState === WebSocket.OPEN) socket.send(message({ sequence: head.sequence, keep: ".npz" }));
  else tell("Only the picture is saved: its record is with the server, to which the connection has ended.", true);
}
by_id("save").addEventListener("click", save);

const actions = { m: next_method, p: () => by_id("pause").click(), s: save, 0: () => choose(null, null) };
function next_method() {
  methods.selectedIndex = (methods.selectedIndex + 1) % methods.length;
  methods.dispatchEvent(new Event("change"));
}
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || ["SELECT", "INPUT"].includes(event.target.tagName) || !shown) return;
  const choice = shown.head.predictions[Number(event.key) - 1];
  if (choice) choose(choice.index, choice.name);
  else if (event.key in actions) actions[event.key]();
});

connect();
use_camera();
