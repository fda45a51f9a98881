"use strict";
// What the pages with scripts share: elements whose texts stay texts, switches, and the tip beside the pointer.

function svg(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (parent) parent.append(made);
  return made;
}

function html(name, parent, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  if (parent) parent.append(made);
  return made;
}

function picture(source, parent, kind, words) {
  const made = html("img", parent, undefined, kind);
  made.src = source;
  made.alt = words || "";
  return made;
}

const pressed = (id) => document.getElementById(id)?.getAttribute("aria-pressed") === "true";

function toggles(button, then) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    then();
  });
}

// The tip beside a spot of the window, inside the card that holds it: above it and to the right where there is room.
function place_tip(tip, card, x, y) {
  const edges = card.getBoundingClientRect();
  const left = x - edges.left + 14;
  tip.style.left = `${Math.max(4, left + tip.offsetWidth > edges.width ? left - 28 - tip.offsetWidth : left)}px`;
  tip.style.top = `${Math.max(4, y - edges.top - tip.offsetHeight - 10)}px`;
}
