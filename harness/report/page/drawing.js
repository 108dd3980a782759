// Shapes and colours of what can happen, each with both, so that neither is needed alone. The legend is drawn with the same.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}

function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const place = (value) => Math.round(value * 10) / 10;

const disc = (x, y, r) => `M${place(x - r)} ${place(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
const square = (x, y, r) => `M${place(x - r)} ${place(y - r)}h${2 * r}v${2 * r}h${-2 * r}z`;
const diamond = (x, y, r) => `M${place(x)} ${place(y - r)}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`;
const cross = (x, y, r) => `M${place(x - r)} ${place(y - r)}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}`;
const bars = (x, y) => `M${place(x - 2.5)} ${place(y - 5)}v10m5 -10v10`;
const tick = (x, y) => `M${place(x)} ${place(y - 4)}v8`;
const flag = (x, y) => `M${place(x)} ${place(y - 4)}v12l8 -3.5l-8 -3.5`;
const wedge = (x, y) => `M${place(x - 3)} ${place(y - 5)}l8 5l-8 5z`;
const caret = (x, y) => `M${place(x - 4)} ${place(y + 12)}l4 -5l4 5z`;

/** A star of five points. */
function star(x, y, r) {
  let path = "";
  for (let corner = 0; corner < 10; corner++) {
    const angle = (Math.PI * corner) / 5 - Math.PI / 2;
    const far = corner % 2 ? r * 0.42 : r;
    path += `${corner ? "L" : "M"}${place(x + far * Math.cos(angle))} ${place(y + far * Math.sin(angle))}`;
  }
  return `${path}z`;
}

/** An arrow from one lane to another that ends just before the shape at its head. */
function arrow(x1, y1, x2, y2, gap) {
  const long = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [dx, dy] = [(x2 - x1) / long, (y2 - y1) / long];
  const [tx, ty] = [x2 - dx * gap, y2 - dy * gap];
  const [bx, by] = [tx - dx * 7, ty - dy * 7];
  return (
    `M${place(x1)} ${place(y1)}L${place(tx)} ${place(ty)}` +
    `M${place(bx - dy * 3.2)} ${place(by + dx * 3.2)}L${place(tx)} ${place(ty)}L${place(bx + dy * 3.2)} ${place(by - dx * 3.2)}`
  );
}

/** The style of an event: what its shape and its arrow look like. */
function styleOf(run, step) {
  switch (run.kind[step]) {
    case KIND.delivered:
      if (!run.travels(step) && run.source[step] >= 0) return "own";
      if (run.has(step, MARK.retry)) return "retry";
      return run.channel[step] === MESSAGE ? "message" : run.channel[step] === 3 ? "exited" : "call";
    case KIND.timer:
      return "timer";
    case KIND.note:
      return run.has(step, MARK.state) ? "state" : "note";
    case KIND.spawned:
      return "spawned";
    case KIND.ended:
      return "ended";
    case KIND.dropped:
      return "dropped";
    default:
      return "held";
  }
}

const SHAPES = {
  message: (x, y) => disc(x, y, 4),
  retry: (x, y) => disc(x, y, 2.5) + disc(x, y, 5.5),
  call: (x, y) => disc(x, y, 3),
  exited: (x, y) => disc(x, y, 4) + tick(x, y),
  own: (x, y) => square(x, y, 2.5),
  timer: (x, y) => diamond(x, y, 5),
  note: tick,
  state: flag,
  spawned: wedge,
  ended: (x, y) => cross(x, y, 5),
  dropped: (x, y) => cross(x, y, 4),
  held: bars,
};

/** Gathers what is drawn into one path a style, so that ten thousand shapes are a dozen elements. */
class Brush {
  constructor() {
    this.paths = new Map();
  }

  add(style, path) {
    const own = this.paths.get(style);
    if (own) own.push(path);
    else this.paths.set(style, [path]);
  }

  event(style, x, y) {
    this.add(`shape ${style}`, SHAPES[style](x, y));
  }

  into(parent) {
    for (const [style, parts] of this.paths) parent.append(svg("path", { class: style, d: parts.join("") }));
  }
}

const LEGEND = [
  ["message", "message"],
  ["retry", "message sent again after a timer"],
  ["call", "call inside a host"],
  ["exited", "news of an end"],
  ["own", "own work, call to itself"],
  ["timer", "timer"],
  ["state", "change of state"],
  ["note", "other note"],
  ["spawned", "beginning"],
  ["ended", "end or crash"],
  ["dropped", "dropped"],
  ["held", "held back"],
  ["deviation", "a draw about it was not benign"],
  ["decisive", "decisive pair"],
];

/** Fill the legend with the styles that the runs have. */
function drawLegend(list) {
  const used = new Set();
  for (const run of RUNS) {
    for (let step = 0; step < run.length; step++) {
      used.add(styleOf(run, step));
      if (run.has(step, MARK.deviation)) used.add("deviation");
      if (run.has(step, MARK.decisive)) used.add("decisive");
    }
  }
  for (const [style, words] of LEGEND) {
    if (!used.has(style)) continue;
    const picture = svg("svg", { width: 44, height: 20, "aria-hidden": "true" });
    const brush = new Brush();
    if (["message", "retry", "call", "dropped", "held", "exited"].includes(style)) {
      brush.add(`arrow ${style}`, arrow(3, 10, 32, 10, style === "held" ? 7 : 6));
      brush.event(style, 34, 10);
    } else if (style === "deviation") {
      brush.event("message", 22, 6);
      brush.add("mark deviation", caret(22, 5));
    } else if (style === "decisive") {
      brush.add("mark decisive", star(22, 10, 8));
    } else {
      brush.add("life", "M6 10h32");
      brush.event(style, 22, 10);
    }
    brush.into(picture);
    list.append(html("li", {}, picture, words));
  }
}
