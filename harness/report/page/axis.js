// Above the lanes: the whole run in one strip with the part in sight marked, and the axis with its times.

const STRIP = 26;
const AXIS = 24;

class Axis {
  constructor(view, moved) {
    this.view = view;
    this.strip = svg("svg", { class: "strip", height: STRIP, "aria-hidden": "true" });
    this.ruler = svg("svg", { class: "ruler", height: AXIS, "aria-hidden": "true" });
    const go = (event) => {
      const x = event.clientX - this.strip.getBoundingClientRect().left - view.gutter;
      view.center(view.begin + (x / view.width) * (view.end - view.begin));
      moved();
    };
    this.strip.addEventListener("pointerdown", (event) => {
      this.strip.setPointerCapture(event.pointerId);
      go(event);
    });
    this.strip.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) go(event);
    });
  }

  /** Draw what stays while one pans and zooms: how much happens where. */
  layOut() {
    const { view } = this;
    const slots = Math.max(1, Math.floor(view.width / 3));
    const counts = new Uint32Array(slots);
    const unit = (view.end - view.begin) / slots;
    const slotOf = (at) => Math.min(slots - 1, Math.max(0, Math.floor((at - view.begin) / unit)));
    const brush = new Brush();
    const middle = (at) => view.gutter + ((at - view.begin) / (view.end - view.begin)) * view.width;
    view.runs.forEach((run, side) => {
      for (const step of view.visible[side]) {
        counts[slotOf(view.at(side, step))]++;
        if (run.has(step, MARK.decisive)) brush.add("mark decisive", star(middle(view.at(side, step)), 13, 6));
      }
      if (side === 0 && run.over !== null && run.over < run.length) {
        brush.add("end", `M${place(middle(view.at(side, run.over)))} 2v${STRIP - 4}`);
      }
    });
    const most = Math.max(1, ...counts);
    counts.forEach((count, slot) => {
      const high = count ? 2 + 16 * Math.sqrt(count / most) : 0;
      if (high) brush.add("density", `M${place(view.gutter + slot * (view.width / slots))} ${place(STRIP - 3 - high)}h2v${place(high)}h-2z`);
    });
    const row = differenceRow(view);
    if (row >= 0 && view.axis === STEPS) brush.add("difference", `M${place(middle(row + 0.5) - 1)} 1h2v${STRIP - 2}h-2z`);
    this.window = svg("rect", { class: "window", y: 1, height: STRIP - 2, rx: 3 });
    this.strip.replaceChildren();
    this.strip.setAttribute("width", view.gutter + view.width);
    const word = svg("text", { class: "host", x: 12, y: 17 }, view.axis === TIME ? "true time" : "one column an event");
    this.strip.append(word);
    brush.into(this.strip);
    this.strip.append(this.window);
  }

  draw() {
    const { view } = this;
    const part = view.width / view.scale / (view.end - view.begin);
    this.window.setAttribute("x", place(view.gutter + ((view.offset - view.begin) / (view.end - view.begin)) * view.width));
    this.window.setAttribute("width", place(Math.max(6, part * view.width)));
    const marks = view.axis === TIME ? this.moments() : this.columns();
    this.ruler.setAttribute("width", view.gutter + view.width);
    const lines = marks.map(([x]) => `M${place(x)} ${AXIS - 5}v5`).join("");
    const texts = marks.map(([x, text, style]) => svg("text", { class: style || "time", x: place(x), y: 14 }, text));
    this.ruler.replaceChildren(svg("path", { class: "rule", d: lines }), ...texts);
  }

  x(at) {
    return (at - this.view.offset) * this.view.scale + this.view.gutter;
  }

  moments() {
    const { view } = this;
    let step = 10 ** Math.floor(Math.log10(100 / view.scale));
    step *= [1, 2, 5, 10].find((factor) => step * factor * view.scale >= 90);
    const marks = [];
    const end = Math.min(view.end, view.offset + view.width / view.scale);
    for (let at = Math.max(0, Math.ceil(view.offset / step)) * step; at <= end; at += step) marks.push([this.x(at), roughly(at)]);
    return marks;
  }

  /** Times of columns, and where much time passes between two of them, how much. */
  columns() {
    const { view } = this;
    const marks = [];
    const last = Math.min(view.length, Math.ceil(view.offset + view.width / view.scale));
    let free = -Infinity;
    let before = null;
    for (let row = Math.max(0, Math.floor(view.offset)); row < last; row++) {
      const time = this.timeOf(row);
      const x = this.x(row + 0.5);
      if (x >= free && x > view.gutter - 8 && x < view.gutter + view.width - 40 && (before === null || time > before)) {
        const passed = before === null || time - before < 1e8 || view.scale < 12 ? "" : ` (+${roughly(time - before)})`;
        const text = this.spoken(time) + passed;
        marks.push([x, text, passed ? "time gap" : "time"]);
        free = x + Math.max(90, text.length * 6.5 + 14);
      }
      before = time;
    }
    return marks;
  }

  spoken(ns) {
    if (ns < 1e6) return roughly(ns);
    return ns < 1e9 ? `${trimmed(ns / 1e6, 2)} ms` : `${(ns / 1e9).toFixed(4)} s`;
  }

  timeOf(row) {
    const { view } = this;
    for (let side = 0; side < view.rows.length; side++) {
      const step = view.rows[side][row];
      if (step >= 0) return view.runs[side].time[step];
    }
    return 0;
  }
}
