// One run as lanes: a row for each process, time across. Only what is in sight is drawn, and drawn anew whenever that changes.

const ROW = 30;
const HEAD = 19; // the row that names a host
const DETAIL = 3000; // with more events in sight than this, only how many there are is drawn
const MOST_LABELS = 260;
const LETTER = 6.4; // width of a letter of a label in pixels

class Lanes {
  constructor(view, side, choose) {
    this.view = view;
    this.side = side;
    this.choose = choose;
    this.box = html("section", { class: "pane", "data-side": side });
    this.title = html("h3", {});
    this.scroller = html("div", { class: "scroller" });
    this.sizer = html("div", { class: "sizer" });
    this.picture = svg("svg", { class: "lanes", "aria-hidden": "true" });
    this.sizer.append(this.picture);
    this.scroller.append(this.sizer);
    this.tip = html("div", { class: "tip", hidden: "", "aria-hidden": "true" });
    this.box.append(this.title, this.scroller, this.tip);
    this.picture.addEventListener("click", (event) => {
      const step = this.hit(event);
      if (step >= 0) this.choose(this.run, step);
    });
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => {
      this.tip.hidden = true;
    });
  }

  /** Tell what is under the pointer. */
  point(event) {
    const step = event.buttons ? -1 : this.hit(event);
    this.tip.hidden = step < 0;
    this.picture.classList.toggle("pointing", step >= 0);
    if (step < 0) return;
    this.tip.replaceChildren(html("b", {}, exactly(this.run.time[step])), ` ${this.run.sentence(step)}`);
    const right = event.clientX > window.innerWidth - 340;
    this.tip.style.left = right ? "" : `${event.clientX + 14}px`;
    this.tip.style.right = right ? `${window.innerWidth - event.clientX + 14}px` : "";
    this.tip.style.top = `${event.clientY + 16}px`;
  }

  get run() {
    return this.view.runs[this.side];
  }

  /** Put each lane in its place from the top; hosts have a row of their own. */
  layOut() {
    this.tops = new Int32Array(LANES.length).fill(-1);
    this.hosts = [];
    let y = 4;
    let host = null;
    for (const lane of this.view.lanes) {
      if (LANES[lane].host !== host) {
        host = LANES[lane].host;
        this.hosts.push([host, y]);
        y += HEAD;
      }
      this.tops[lane] = y;
      y += ROW;
    }
    this.height = y + 6;
    this.sizer.style.height = `${this.height}px`;
    const verdict = html("span", { class: this.run.failed ? "verdict bad" : "verdict good" }, this.run.failed ? "fails" : "passes");
    this.title.replaceChildren(this.run.title, " ", verdict, ` ${this.run.length} records`);
  }

  y(lane) {
    return this.tops[lane] < 0 ? -20 : this.tops[lane] + ROW * 0.57 - this.scrolled;
  }

  x(at) {
    return (at - this.view.offset) * this.view.scale + this.view.gutter;
  }

  inSight(lane) {
    const y = this.y(lane);
    return y > -ROW && y < this.seen + ROW;
  }

  draw() {
    const { view, run, side } = this;
    this.scrolled = this.scroller.scrollTop;
    this.seen = Math.min(this.height, this.scroller.clientHeight || this.height);
    this.picture.setAttribute("width", view.gutter + view.width);
    this.picture.setAttribute("height", this.seen);
    const brush = new Brush();
    const front = new Brush();
    const texts = [];
    const right = view.offset + view.width / view.scale;
    const [low, high] = view.between(side, view.offset, right);
    this.range = [low, high];
    this.drawLives(brush);
    const dense = high - low > DETAIL;
    if (dense) this.drawDensity(brush, low, high);
    else this.drawArrows(brush, low, high, right);
    this.drawEvents(front, low, high, dense);
    this.drawChain(front);
    if (!dense) texts.push(...this.labels(low, high));
    const plot = svg("g", { "clip-path": `url(#clip${side})` });
    this.drawGuides(plot);
    brush.into(plot);
    front.into(plot);
    plot.append(...texts);
    this.drawSelected(plot);
    const clip = svg("clipPath", { id: `clip${side}` });
    clip.append(svg("rect", { x: view.gutter - 8, y: 0, width: view.width + 8, height: this.seen }));
    this.picture.replaceChildren(clip, this.gutter(), plot);
    this.box.dataset.dense = dense;
    this.box.dataset.events = high - low;
  }

  drawLives(brush) {
    const { view, run } = this;
    for (const lane of view.lanes) {
      if (!this.inSight(lane)) continue;
      for (const [spawned, ended] of run.lives[lane] || []) {
        const from = Math.max(spawned < 0 ? view.gutter - 8 : this.x(view.at(this.side, spawned)), view.gutter - 8);
        const to = Math.min(ended === null ? view.gutter + view.width : this.x(view.at(this.side, ended)), view.gutter + view.width);
        if (to > from) brush.add("life", `M${place(from)} ${this.y(lane)}H${place(to)}`);
      }
    }
  }

  /** Too many to be told apart: how many there are in each few pixels of a lane. */
  drawDensity(brush, low, high) {
    const { view, run, side } = this;
    const counts = new Map();
    const steps = view.visible[side];
    for (let index = low; index < high; index++) {
      const step = steps[index];
      const lane = run.lane[step];
      if (!this.inSight(lane)) continue;
      const key = lane * 4096 + Math.floor((this.x(view.at(side, step)) - view.gutter) / 3);
      counts.set(key, (counts.get(key) || 0) + 1);
    }
    let most = 1;
    for (const count of counts.values()) most = Math.max(most, count);
    for (const [key, count] of counts) {
      const high = 3 + (ROW - 9) * Math.sqrt(count / most);
      const x = view.gutter + (key % 4096) * 3;
      brush.add("density", `M${x} ${place(this.y(Math.floor(key / 4096)) - high / 2)}h2.4v${place(high)}h-2.4z`);
    }
  }

  drawArrows(brush, low, high, right) {
    const { view, run, side } = this;
    const steps = view.visible[side];
    // What arrives beyond the right edge may have been sent before it.
    const end = Math.min(steps.length, high + 200);
    for (let index = low; index < end; index++) {
      const step = steps[index];
      if (!run.travels(step) && run.source[step] >= 0) continue;
      const kind = run.kind[step];
      if (kind !== KIND.delivered && kind !== KIND.dropped && kind !== KIND.held) continue;
      const sent = view.sentAt(side, step);
      if (index >= high && sent > right) continue;
      if (!this.inSight(run.lane[step]) && !(run.source[step] >= 0 && this.inSight(run.source[step]))) continue;
      const style = styleOf(run, step);
      const from = run.source[step] >= 0 ? this.y(run.source[step]) : -10;
      brush.add(`arrow ${style}`, arrow(this.x(sent), from, this.x(view.at(side, step)), this.y(run.lane[step]), 6));
    }
  }

  drawEvents(front, low, high, dense) {
    const { view, run, side } = this;
    const steps = view.visible[side];
    let left = 400;
    for (let index = low; index < high; index++) {
      const step = steps[index];
      const kind = run.kind[step];
      const decisive = run.has(step, MARK.decisive);
      if (dense && !(decisive || ((kind === KIND.dropped || kind === KIND.held || kind === KIND.ended) && left-- > 0))) continue;
      const lane = run.lane[step];
      if (!this.inSight(lane)) continue;
      const [x, y] = [this.x(view.at(side, step)), this.y(lane)];
      front.event(styleOf(run, step), x, y);
      if (run.has(step, MARK.deviation) && run.marksDeviations) front.add("mark deviation", caret(x, y));
      if (decisive) front.add("mark decisive", star(x, y - 1, 9));
    }
  }

  /** The chain of causes of the chosen event, and what it caused. */
  drawChain(front) {
    const { view, run, side } = this;
    if (!view.selected || view.selected.run !== run) return;
    const point = (step) => [this.x(view.at(side, step)), this.y(run.lane[step])];
    const line = (from, to) => `M${point(from).map(place).join(" ")}L${point(to).map(place).join(" ")}`;
    let step = view.selected.step;
    for (const effect of run.effects(step)) front.add("chain effect", line(step, effect));
    for (const cause of run.causes(step)) {
      front.add("chain", line(cause, step));
      step = cause;
    }
  }

  /** What is noted stands below its lane, everything else above. */
  labels(low, high) {
    const { view, run, side } = this;
    const steps = view.visible[side];
    const free = [new Map(), new Map()];
    const texts = [];
    // From the right, so that each knows how much room the next one leaves it.
    for (let index = high - 1; index >= low && texts.length < MOST_LABELS; index--) {
      const step = steps[index];
      const lane = run.lane[step];
      const kind = run.kind[step];
      if (kind === KIND.spawned || kind === KIND.ended || !this.inSight(lane)) continue;
      const note = kind === KIND.note;
      const news = note && run.has(step, MARK.state);
      const decisive = run.has(step, MARK.decisive);
      const x = this.x(view.at(side, step)) + (news ? 11 : -3);
      const room = Math.min((free[Number(note)].get(lane) ?? Infinity) - x - 6, 230);
      if (note && !news && room < 150) continue;
      free[Number(note)].set(lane, x);
      const text = run.label(step);
      const fits = Math.max(Math.floor(room / LETTER), decisive ? 4 : 0);
      if (fits < 4 && fits < text.length) continue;
      const style = decisive ? "label strong" : `label ${styleOf(run, step)}`;
      const y = this.y(lane) + (note ? 14 : -7);
      texts.push(svg("text", { class: style, x: place(x), y: place(y), "data-step": step }, cut(text, fits)));
    }
    return texts;
  }

  /** Columns that matter in both panes: where the runs part, where only one of them has something, where the test had ended. */
  drawGuides(plot) {
    const { view, run, side } = this;
    const band = (style, from, to) => {
      if (to < view.gutter - 8 || from > view.gutter + view.width) return;
      plot.append(svg("rect", { class: style, x: place(from), y: 0, width: place(Math.max(1, to - from)), height: this.seen }));
    };
    if (run.over !== null && run.over < run.length) {
      const over = this.x(view.axis === TIME ? run.time[run.over] : view.at(side, run.over) - 0.5);
      band("after", over, view.gutter + view.width);
      band("end", over, over + 1.5);
      if (side === 0 && over > view.gutter) {
        this.say(plot, over, run.aborted ? "the test failed; clean-up" : "end of the test; clean-up");
      }
    }
    if (view.mode !== COMPARE || view.axis !== STEPS) return;
    const from = Math.max(0, Math.floor(view.offset));
    const to = Math.min(view.length, Math.ceil(view.offset + view.width / view.scale));
    if (to - from <= 1200) {
      let path = "";
      for (let row = from; row < to; row++) {
        if (view.rows[side][row] >= 0 && view.rows[1 - side][row] < 0) {
          path += `M${place(this.x(row))} 0h${place(view.scale)}v${this.seen}h${place(-view.scale)}z`;
        }
      }
      if (path) plot.append(svg("path", { class: "alone", d: path }));
    }
    const row = differenceRow(view);
    if (row < 0) return;
    band("difference", this.x(row), this.x(row + 1));
    if (side === 0) this.say(plot, this.x(row + 1), "first difference");
  }

  /** A few words at the top, beside a guide. */
  say(plot, x, words) {
    if (x < this.view.gutter - 8 || x > this.view.gutter + this.view.width) return;
    const turned = x > this.view.gutter + this.view.width - 170;
    const anchor = turned ? "end" : "start";
    plot.append(svg("text", { class: "said", x: place(turned ? x - 6 : x + 6), y: 14, "text-anchor": anchor }, words));
  }

  drawSelected(plot) {
    const { view, run, side } = this;
    if (!view.selected || view.selected.run !== run) return;
    const step = view.selected.step;
    const [x, y] = [this.x(view.at(side, step)), this.y(run.lane[step])];
    plot.append(svg("circle", { class: "chosen", cx: place(x), cy: place(y), r: 11, "data-step": step }));
  }

  gutter() {
    const group = svg("g", { class: "gutter" });
    group.append(svg("rect", { x: 0, y: 0, width: this.view.gutter - 8, height: this.seen }));
    const letters = Math.floor((this.view.gutter - 34) / 6.3);
    for (const [host, top] of this.hosts) {
      const y = top - this.scrolled;
      if (y < -HEAD || y > this.seen) continue;
      group.append(svg("path", { class: "rule", d: `M0 ${y + 1}H${this.view.gutter + this.view.width}` }));
      group.append(svg("text", { class: "host", x: 12, y: y + 14 }, host));
    }
    for (const lane of this.view.lanes) {
      if (!this.inSight(lane)) continue;
      const name = LANES[lane].label;
      const shown = cut(name, letters);
      const text = svg("text", { class: "lane", x: 22, y: this.y(lane) + 4, "data-lane": LANES[lane].address }, shown);
      text.append(svg("title", {}, `${LANES[lane].address}${LANES[lane].type ? ` (${LANES[lane].type})` : ""}`));
      group.append(text);
    }
    return group;
  }

  /** The event nearest to the pointer, -1 if none is near. */
  hit(event) {
    const marked = event.target.dataset && event.target.dataset.step;
    if (marked) return Number(marked);
    const { view, run, side } = this;
    const box = this.picture.getBoundingClientRect();
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let [best, nearest] = [-1, 12];
    const steps = view.visible[side];
    const at = view.offset + (px - view.gutter) / view.scale;
    const [low, high] = view.between(side, at - 400 / view.scale, at + 400 / view.scale);
    if (high - low > DETAIL) return -1;
    for (let index = low; index < high; index++) {
      const step = steps[index];
      const [x, y] = [this.x(view.at(side, step)), this.y(run.lane[step])];
      let far = Math.hypot(x - px, y - py);
      if (run.travels(step) && run.source[step] >= 0) {
        far = Math.min(far, 4 + toLine(px, py, this.x(view.sentAt(side, step)), this.y(run.source[step]), x, y));
      }
      if (far < nearest) [best, nearest] = [step, far];
    }
    return best;
  }

  /** Scroll so that a lane can be seen. */
  revealLane(lane) {
    const top = this.tops[lane];
    if (top < 0) return;
    const high = this.scroller.clientHeight;
    const above = top - HEAD < this.scroller.scrollTop;
    if (above || top + 2 * ROW > this.scroller.scrollTop + high) this.scroller.scrollTop = top - high / 2;
  }
}

function cut(text, letters) {
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`;
}

/** How far a point is from a line between two others. */
function toLine(px, py, x1, y1, x2, y2) {
  const square = (x2 - x1) ** 2 + (y2 - y1) ** 2 || 1;
  const part = Math.max(0, Math.min(1, ((px - x1) * (x2 - x1) + (py - y1) * (y2 - y1)) / square));
  return Math.hypot(px - x1 - part * (x2 - x1), py - y1 - part * (y2 - y1));
}

/** The row at which the two runs first differ; -1 if they do not, or the filter hides it. */
function differenceRow(view) {
  if (view.mode !== COMPARE || DATA.difference === null) return -1;
  for (const side of [0, 1]) {
    const step = DATA.pairs[side][DATA.difference];
    if (step >= 0 && view.rowOf[side][step] >= 0) return view.rowOf[side][step];
  }
  return -1;
}
