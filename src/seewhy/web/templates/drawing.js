// A raw map laid over a picture, for any page: a recipe is that of seewhy.show.overlay.
const ROWS = 255;

// Three digits, as everywhere in seewhy; digits below a thousandth of the scale are left out.
function number(value, scale = 0) {
  if (scale) {
    const step = 10 ** (Math.floor(Math.log10(Math.abs(scale))) - 2);
    value = Math.round(value / step) * step;
  }
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  const text = size >= 1000 && size < 1e7 ? rounded.toLocaleString("en") : size && size < 1e-4 ? rounded.toExponential() : String(rounded);
  return text.replaceAll("-", "−");
}

const keys = (x) => (x <= 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0);

// Which samples of the map each pixel along an axis reads, and how much of each: Keys' cubic, widened where the map is reduced.
function weights(axis, count, length) {
  const shrink = Math.max(1, axis.scale / length);
  const taps = Math.ceil(4 * shrink);
  const index = new Int32Array(length * taps);
  const weight = new Float64Array(length * taps);
  const seen = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const part = (i + 0.5) / length;
    seen[i] = part >= axis.from && part <= axis.to;
    let centre = axis.scale * part + axis.offset - 0.5;
    if (axis.clamp) centre = Math.min(Math.max(centre, 0), count - 1);
    const first = Math.floor(centre - 2 * shrink) + 1;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const value = keys(Math.abs(centre - first - k) / shrink);
      const mirrored = (((first + k) % (2 * count)) + 2 * count) % (2 * count);
      index[i * taps + k] = mirrored < count ? mirrored : 2 * count - 1 - mirrored;
      weight[i * taps + k] = value;
      sum += value;
    }
    for (let k = 0; k < taps; k++) weight[i * taps + k] /= sum;
  }
  return { taps, index, weight, seen };
}

const known_weights = new Map();
function weights_of(axis, count, length) {
  const key = [axis.scale, axis.offset, axis.from, axis.to, axis.clamp, count, length].join();
  if (!known_weights.has(key)) {
    if (known_weights.size > 16) known_weights.clear();
    known_weights.set(key, weights(axis, count, length));
  }
  return known_weights.get(key);
}

// The map as large as the picture, in the array that may be reused; NaN where the network saw nothing. No value leaves the range of the map's own.
function enlarged(map, head, width, height, reused) {
  const [count_down, count_across] = head.grid;
  const down = weights_of(head.rows, count_down, height);
  const across = weights_of(head.columns, count_across, width);
  let [low, high] = [Infinity, -Infinity];
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const values = reused && reused.length === width * height ? reused : new Float32Array(width * height);
  const line = new Float64Array(count_across);
  for (let y = 0; y < height; y++) {
    if (!down.seen[y]) {
      values.fill(NaN, y * width, (y + 1) * width);
      continue;
    }
    line.fill(0);
    for (let k = y * down.taps; k < (y + 1) * down.taps; k++) {
      const [start, part] = [down.index[k] * count_across, down.weight[k]];
      for (let x = 0; x < count_across; x++) line[x] += part * map[start + x];
    }
    const { taps, index, weight, seen } = across;
    for (let x = 0, k = 0, i = y * width; x < width; x++, i++) {
      let value = 0;
      if (taps === 4) { // the map is enlarged
        value = weight[k] * line[index[k]] + weight[k + 1] * line[index[k + 1]] + weight[k + 2] * line[index[k + 2]] + weight[k + 3] * line[index[k + 3]];
        k += 4;
      } else {
        for (const end = k + taps; k < end; k++) value += weight[k] * line[index[k]];
      }
      values[i] = seen[x] ? (value < low ? low : value > high ? high : value) : NaN;
    }
  }
  return values;
}

// A pixel of a row of the scale is base + by_grey * its light + by_pixel * itself, for red, green and blue; seven numbers a row.
// The last row is what the network did not see. mix : of the overlay with the plain frame.
function parts(recipe, mix) {
  const { table, colour_left, seen, unseen, grain, even } = recipe;
  const rows = new Float64Array(7 * (ROWS + 1));
  for (let row = 0; row <= ROWS; row++) {
    const [lift, left] = row < ROWS ? seen : unseen;
    const [red, green, blue, opacity] = row < ROWS ? table[row] : [0, 0, 0, 0];
    [red, green, blue].forEach((colour, c) => {
      rows[7 * row + c] = mix * ((1 - opacity) * lift + opacity * colour * (1 - grain * even));
      rows[7 * row + 3 + c] = mix * ((1 - opacity) * left * (1 - colour_left) + (opacity * colour * grain) / 255);
    });
    rows[7 * row + 6] = mix * (1 - opacity) * left * colour_left + 1 - mix;
  }
  return rows;
}

// The frame with the evidence on it, as seewhy.show.overlay makes it: its colours are looked up in the server's table.
// limits : what the ends of the scale stand for. empty : the map shows nothing, whatever the scale. drawn : an ImageData to draw into.
function overlay(recipe, mix, pixels, values, [low, high], signed, empty, drawn) {
  const rows = parts(recipe, mix);
  const [red, green, blue] = recipe.grey;
  const neutral = 7 * (signed ? (ROWS - 1) / 2 : 0);
  const step = ROWS / (high - low);
  // Four bytes at once, red lowest: every browser's machine keeps them so.
  const from = new Uint32Array(pixels.data.buffer);
  const to = new Uint32Array(drawn.data.buffer);
  for (let i = 0; i < from.length; i++) {
    const value = values[i];
    const pixel = from[i];
    const r = pixel & 255;
    const g = (pixel >> 8) & 255;
    const b = (pixel >> 16) & 255;
    const light = red * r + green * g + blue * b;
    let row = 7 * ROWS;
    if (value === value) {
      row = ((value - low) * step) | 0;
      row = empty ? neutral : 7 * (row < 0 ? 0 : row < ROWS ? row : ROWS - 1);
    }
    const kept = rows[row + 6];
    const new_r = (rows[row] + rows[row + 3] * light + kept * r + 0.5) | 0;
    const new_g = (rows[row + 1] + rows[row + 4] * light + kept * g + 0.5) | 0;
    const new_b = (rows[row + 2] + rows[row + 5] * light + kept * b + 0.5) | 0;
    to[i] = 0xff000000 | ((new_b > 255 ? 255 : new_b) << 16) | ((new_g > 255 ? 255 : new_g) << 8) | (new_r > 255 ? 255 : new_r);
  }
}
