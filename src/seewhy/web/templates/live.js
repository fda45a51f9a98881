// The camera's newest frame goes to the server, its map comes back and is laid over that same frame. Names reach the page as text only.
const data = JSON.parse(document.getElementById("data").textContent);
const by_id = (id) => document.getElementById(id);
const [screen_, view, tip, spot, problem] = ["screen", "view", "tip", "spot", "problem"].map(by_id);
const paper = screen_.getContext("2d");
const IN_FLIGHT = 2; // one is explained while the next is on its way
const LONGEST = { camera: 640, photo: 1000 }; // pixels that are drawn
const TELL_EVERY = 150; // milliseconds: nobody reads faster, and laying out words takes as long as painting
const SHORTEST = 480; // of the longer side: smaller pictures are enlarged

const video = document.createElement("video");
video.muted = video.playsInline = true;
const desk = document.createElement("canvas"); // frames are taken here
const state = { source: "", method: data.method, target: data.target, name: data.name, paused: false, fresh: false, patience: 0 };
let photo = null; // { pixels, file }
let socket = null;
let was_open = false;
let sequence = 0;
let sent = Promise.resolve(); // when the last frame was sent
let shown = null; // { head, pixels, values, limits }
let told_at = 0;
let reading = null; // where the value is read, as parts of the picture
const waiting = new Map(); // sequence -> { pixels, at }
const scales = [];
const arrivals = [];

// ---- drawing ------------------------------------------------------------------------------------------------------------------

let drawn = null; // reused from frame to frame, as the enlarged map is

function paint() {
  const { head, pixels, values, limits } = shown;
  const { recipe } = data[head.signed ? "signed" : "unsigned"];
  if (!drawn || drawn.width !== pixels.width || drawn.height !== pixels.height) drawn = new ImageData(pixels.width, pixels.height);
  overlay(recipe, by_id("opacity").value / 100, pixels, values, limits, head.signed, !(head.high > 0), drawn);
  if (screen_.width !== pixels.width || screen_.height !== pixels.height) [screen_.width, screen_.height] = [pixels.width, pixels.height];
  paper.putImageData(drawn, 0, 0);
}

// The scale is the largest value of the last answers of the same question, so that weak evidence looks weak.
function limits_of(head) {
  const key = head.by_class ? `${head.method} ${head.target.index}` : head.method;
  scales.push({ key, high: head.high });
  if (scales.length > data.recent) scales.shift();
  const high = Math.max(...scales.filter((scale) => scale.key === key).map((scale) => scale.high));
  return [head.signed ? -high : 0, high];
}

function draw(head, map, { pixels, at }) {
  const values = enlarged(map, head, pixels.width, pixels.height, shown && shown.values);
  shown = { head, pixels, values, limits: limits_of(head) };
  paint();
  screen_.classList.add("drawn");
  screen_.dataset.sequence = head.sequence;
  by_id("empty").hidden = true;
  by_id("save").disabled = false;
  const now = performance.now();
  arrivals.push(now);
  if (arrivals.length > data.recent) arrivals.shift();
  shown.latency = now - at;
  if (now - told_at > TELL_EVERY || state.paused || state.source !== "camera") describe();
  read_value();
}

// All that stands beside the picture.
function describe() {
  told_at = performance.now();
  legend();
  list_classes();
  list_methods();
  status(shown.latency);
}

function legend() {
  const { head, limits } = shown;
  const scale = by_id("scale");
  const [bar, labels, unit] = scale.children;
  const [low, high] = limits;
  bar.style.background = data[head.signed ? "signed" : "unsigned"].bar;
  const marks = high > low ? [low, (low + high) / 2, high].map((value) => number(value, high)) : ["0", "", "0"];
  if (head.open) marks[2] = `≥ ${marks[2]}`;
  if (head.open && head.signed) marks[0] = `≤ ${marks[0]}`;
  marks.forEach((mark, i) => (labels.children[i].textContent = mark));
  unit.textContent = head.signed ? `against ← ${head.units || "0"} → for` : head.units;
  scale.classList.add("drawn");
}

function status(latency) {
  const { head } = shown;
  const rate = arrivals.length > 1 ? (1000 * (arrivals.length - 1)) / (arrivals[arrivals.length - 1] - arrivals[0]) : 0;
  const parts = [head.by_class ? `${head.method} of '${head.target.name}' (${head.target.text})` : `${head.method}, no class`];
  if (head.layer) parts.push(`${head.layer} ${head.grid.join("×")}`);
  if (state.source === "camera" && rate) parts.push(`${rate.toFixed(rate < 10 ? 1 : 0)} frames/s`);
  if (state.source === "camera") parts.push(`${Math.round(latency)} ms behind`);
  by_id("status").textContent = parts.join("  ·  ");
  const notes = [...(head.partial ? ["Not complete."] : []), ...head.notes];
  const list = by_id("notes");
  if (list.dataset.text !== notes.join("\n")) {
    list.dataset.text = notes.join("\n");
    list.replaceChildren();
    for (const note of notes) html("li", list, note.charAt(0).toUpperCase() + note.slice(1));
  }
}

// ---- classes and methods ----------------------------------------------------------------------------------------------------

function choose(index, name) {
  [state.target, state.name] = [index, name];
  if (staying) tell("");
  ask_again();
}

// One button stays one place of the list, so that focus and pointer keep what they are on.
const entries = Array.from({ length: 7 }, () => {
  const item = html("li", by_id("classes"));
  item.hidden = true;
  const button = html("button", item);
  const bar = html("i", button);
  const entry = { item, button, bar, name: html("span", button), score: html("span", button), index: null };
  button.addEventListener("pointerdown", () => (entry.held = entry.index)); // what was under the pointer, should the list move on
  button.addEventListener("click", (event) => {
    const index = event.detail && entry.held !== undefined ? entry.held : entry.index;
    entry.held = undefined;
    const found = shown.head.predictions.find((prediction) => prediction.index === index);
    choose(index, index === null ? null : found ? found.name : state.name);
  });
  return entry;
});

function list_classes() {
  const { predictions, target, by_class } = shown.head;
  const rows = [{ index: null, name: "The first choice, whatever it is", text: "", score: 0 }, ...predictions];
  if (state.target !== null && !predictions.some((prediction) => prediction.index === state.target)) {
    const text = target.index === state.target ? target.text : "";
    rows.push({ index: state.target, name: state.name, text, score: text ? Number(text) || 0 : 0 });
  }
  entries.forEach((entry, place) => {
    const row = rows[place];
    entry.item.hidden = !row;
    if (!row) return;
    entry.index = row.index;
    entry.name.textContent = row.name;
    entry.score.textContent = row.text;
    entry.bar.style.width = `${100 * Math.min(Math.max(row.score, 0), 1)}%`;
    entry.button.disabled = !by_class;
    entry.button.classList.toggle("explained", by_class && row.index === target.index);
    entry.button.setAttribute("aria-pressed", by_class && row.index === state.target);
  });
}

const methods = by_id("method");
function list_methods() {
  const { head } = shown;
  const names = [...new Set([...head.methods, state.method || head.default])];
  if (methods.dataset.names !== names.join()) {
    methods.dataset.names = names.join();
    methods.replaceChildren();
    for (const name of names) html("option", methods, name);
  }
  methods.value = state.method || head.default;
}

// Classes that are not among the first choices are typed; the browser suggests them.
const typed = by_id("class");
const indices = new Map(); // what is typed -> index
function offer_classes(names, listed) {
  typed.hidden = typed.labels[0].hidden = names.length <= listed;
  indices.clear();
  by_id("names").replaceChildren();
  if (typed.hidden) return;
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) || 0) + 1);
  names.forEach((name, index) => {
    const text = counts.get(name) > 1 ? `${name} #${index}` : name;
    indices.set(text.toLowerCase(), index);
    html("option", by_id("names"), text);
  });
}
typed.addEventListener("change", () => {
  const text = typed.value.trim();
  if (!text) return;
  const [, digits] = /^#?(\d+)$/.exec(text) || []; // its index is as good as its name
  const index = indices.get(text.toLowerCase()) ?? (digits in data.classes ? Number(digits) : undefined);
  if (index === undefined) {
    tell(`This network has no class called '${text}'.`, true);
    return;
  }
  typed.value = "";
  choose(index, data.classes[index]);
});
typed.addEventListener("input", () => indices.has(typed.value.toLowerCase()) && typed.dispatchEvent(new Event("change")));
offer_classes(data.classes, entries.length - 2);

methods.addEventListener("change", () => {
  state.method = methods.value;
  ask_again();
});
by_id("opacity").addEventListener("input", () => shown && paint());

// ---- the server -------------------------------------------------------------------------------------------------------------

const CLOSED = {
  1008: "The server refuses this page. Open the address that seewhy printed when it started.",
  1009: "That was too large for the server.",
};

function connect() {
  const address = new URL("frames", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    was_open = true;
    ask_again();
  };
  socket.onmessage = (event) => receive(event.data);
  socket.onclose = (event) => {
    waiting.clear();
    tell(CLOSED[event.code] || "The connection has ended: is seewhy still running? A restarted one prints a new address.");
    if (was_open && event.code !== 1008) setTimeout(connect, 1500);
  };
}

function receive(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (head.kind === "record") {
    download(new Blob([new Uint8Array(buffer, 4 + length)]), `${saves.get(head.sequence) || "seewhy-live"}${head.suffix}`);
    return;
  }
  const frame = waiting.get(head.sequence);
  waiting.delete(head.sequence);
  if (head.kind === "refusal") {
    tell(head.reason, !frame); // of a record: no later frame answers it
    state.patience = performance.now() + 500; // once more, but not as fast as it can
    return;
  }
  if (!staying) tell("");
  if (frame) draw(head, new Float32Array(buffer, 4 + length, head.grid[0] * head.grid[1]), frame);
  next();
}

function message(head, content) {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return new Blob([length, text, ...(content ? [content] : [])]);
}

// Sends the newest frame, unless enough are on their way.
function next() {
  if (!socket || socket.readyState !== WebSocket.OPEN || !state.fresh || waiting.size >= IN_FLIGHT) return;
  if (performance.now() < state.patience) return;
  if (state.source === "photo") {
    ask(photo.pixels, photo.file);
  } else if (state.paused) { // the frame that is shown, about another class or by another method
    [desk.width, desk.height] = [shown.pixels.width, shown.pixels.height];
    desk.getContext("2d", { willReadFrequently: true }).putImageData(shown.pixels, 0, 0);
    ask(shown.pixels);
  } else if (video.videoWidth) {
    ask(take(video, video.videoWidth, video.videoHeight, LONGEST.camera));
  }
}

// file : of a photo; else what lies on the desk is sent.
function ask(pixels, file) {
  state.fresh = false;
  const mine = sequence++;
  const head = { sequence: mine, target: state.target, method: state.method };
  waiting.set(mine, { pixels, at: performance.now() });
  const send = (content) => {
    if (content && socket.readyState === WebSocket.OPEN) socket.send(message(head, content));
    else waiting.delete(mine);
  };
  const content = file || new Promise((encoded) => desk.toBlob(encoded, "image/jpeg", 0.9));
  sent = sent.then(() => content).then(send); // a later frame may be encoded sooner, and must wait
}

// A photo, or a paused frame, is asked for again where the question changed; the camera goes on by itself.
function ask_again() {
  state.patience = 0;
  if (state.source === "photo" || (state.paused && shown)) state.fresh = true;
  if (shown) {
    list_classes();
    list_methods();
  }
  next();
}

// ---- sources ------------------------------------------------------------------------------------------------------------------

function take(source, width, height, longest) {
  const side = Math.max(width, height);
  const scale = Math.min(Math.max(side, Math.min(SHORTEST, longest)), longest) / side;
  [desk.width, desk.height] = [Math.max(1, Math.round(scale * width)), Math.max(1, Math.round(scale * height))];
  const context = desk.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0, desk.width, desk.height);
  return context.getImageData(0, 0, desk.width, desk.height);
}

// stays : until the person does something, not only until the next frame is answered.
let staying = false;
function tell(text, stays = false) {
  staying = stays;
  text = text.charAt(0).toUpperCase() + text.slice(1);
  if (problem.textContent !== text) problem.textContent = text;
}

const which = by_id("which");
async function list_cameras(stream) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput");
  which.hidden = which.labels[0].hidden = cameras.length < 2;
  which.replaceChildren();
  cameras.forEach((camera, place) => (html("option", which, camera.label || `camera ${place + 1}`).value = camera.deviceId));
  which.value = stream.getVideoTracks()[0].getSettings().deviceId;
}
which.addEventListener("change", () => use_camera(which.value));

// device : of the list of cameras; without one the browser chooses, on a phone the camera at its back. The browser may ask the
// person first; of several calls that wait for that the last one holds, and the others' cameras are given back.
let camera_calls = 0;
async function use_camera(device) {
  const call = ++camera_calls;
  tell("");
  if (!navigator.mediaDevices) {
    tell("A browser gives its camera only to pages from this machine (127.0.0.1, localhost) or over https. A photo can be dropped here.", true);
    return;
  }
  try {
    stop_camera();
    const chosen = device ? { deviceId: { exact: device } } : { facingMode: { ideal: "environment" } };
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, ...chosen };
    const stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    if (call !== camera_calls) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      stop_camera();
      tell("The camera was lost. Press Camera to try it again.", true);
    });
    video.srcObject = stream;
    await video.play();
    await list_cameras(stream);
  } catch (error) {
    if (call !== camera_calls) return;
    const denied = error.name === "NotAllowedError";
    const reason = denied ? "The camera was not allowed." : `There is no camera (${error.name}).`;
    tell(`${reason} A photo can be dropped here.`, true);
    if (!shown) by_id("empty").textContent = "Drop a photo here, or open one.";
    return;
  }
  if (call !== camera_calls) return;
  begin("camera");
  watch_video();
}

function stop_camera() {
  for (const track of video.srcObject ? video.srcObject.getTracks() : []) track.stop();
  video.srcObject = null;
  if (state.source === "camera") state.source = "";
}

function watch_video() {
  const stream = video.srcObject;
  const arrived = () => {
    if (video.srcObject !== stream || !stream) return;
    if (!state.paused) {
      state.fresh = true;
      next();
    }
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(arrived);
    else setTimeout(arrived, 33);
  };
  arrived();
}

async function use_photo(file) {
  if (!file) return;
  tell("");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    tell(`'${file.name || "This"}' is not a picture that the browser can open.`, true);
    return;
  }
  const plain = ["image/jpeg", "image/png", "image/webp"].includes(file.type);
  const most = data.most_pixels / 4;
  stop_camera();
  if (!plain || file.size > data.most_bytes / 2 || bitmap.width * bitmap.height > most) { // else the file itself is explained
    const longest = Math.max(bitmap.width, bitmap.height) * Math.min(1, Math.sqrt(most / (bitmap.width * bitmap.height)));
    take(bitmap, bitmap.width, bitmap.height, Math.floor(longest));
    file = await new Promise((done) => desk.toBlob(done, "image/jpeg", 0.95));
  }
  photo = { pixels: take(bitmap, bitmap.width, bitmap.height, LONGEST.photo), file };
  bitmap.close();
  begin("photo");
}

function begin(source) {
  if (state.paused) by_id("pause").click();
  by_id("pause").disabled = source === "photo";
  [state.source, state.fresh, state.patience] = [source, true, 0];
  arrivals.length = scales.length = 0;
  waiting.clear(); // answers about the source before are neither drawn nor counted
  next();
}

by_id("camera").addEventListener("click", () => use_camera());
by_id("photo").addEventListener("click", () => by_id("file").click());
by_id("file").addEventListener("change", (event) => {
  use_photo(event.target.files[0]);
  event.target.value = "";
});
toggles(by_id("pause"), () => {
  state.paused = pressed("pause");
  state.fresh = false;
  if (state.paused && shown) describe();
  arrivals.length = 0;
  next();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  view.classList.add("over");
});
addEventListener("dragleave", () => view.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  view.classList.remove("over");
  use_photo(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => use_photo(event.clipboardData.files[0]));
