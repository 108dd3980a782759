// What is to be seen: which runs, which of their events pass the filter, where on the axis each lies, which part is in sight.

const STEPS = "steps";
const TIME = "time";
const COMPARE = "compare";
const WIDEST_COLUMN = 96;
const READABLE_COLUMN = 26;
const LEAST_COLUMN = 16; // as long as all of a run fits with columns of this width, all of it is shown

class View {
  constructor() {
    this.mode = DATA.compared ? COMPARE : mainRun();
    this.filter = { lanes: null, type: "", text: "" };
    this.axis = STEPS;
    this.offset = 0; // what lies at the left edge, in units of the axis
    this.scale = READABLE_COLUMN; // pixels a unit
    this.width = 800; // of the part in which events are drawn, in pixels
    this.selected = null; // {run, step}
    this.arrange();
    this.axis = this.isTimeReadable() ? TIME : STEPS;
    this.place();
  }

  passes(run, step) {
    const { lanes, type, text } = this.filter;
    if (lanes && !lanes.has(run.lane[step]) && !(run.source[step] >= 0 && lanes.has(run.source[step]))) return false;
    if (type && run.typeOf(step) !== type && KIND_WORDS[run.kind[step]] !== type) return false;
    return !text || run.searchable(step).includes(text);
  }

  get isFiltered() {
    const { lanes, type, text } = this.filter;
    return Boolean(lanes || type || text);
  }

  /** Rows of the list: for each column of the axis the step of every run in sight, -1 where there is none. */
  arrange() {
    // The runs in sight, from the top.
    const runs = this.mode === COMPARE ? DATA.compared.map((number) => RUNS[number]) : [RUNS[this.mode]];
    this.runs = runs;
    const rows = runs.map(() => []);
    const filtered = this.isFiltered;
    if (this.mode === COMPARE) {
      const [ours, theirs] = DATA.pairs;
      for (let at = 0; at < ours.length; at++) {
        const keep =
          !filtered ||
          (ours[at] >= 0 && this.passes(runs[0], ours[at])) ||
          (theirs[at] >= 0 && this.passes(runs[1], theirs[at]));
        if (!keep) continue;
        rows[0].push(ours[at]);
        rows[1].push(theirs[at]);
      }
    } else {
      for (let step = 0; step < runs[0].length; step++) if (!filtered || this.passes(runs[0], step)) rows[0].push(step);
    }
    this.rows = rows;
    this.length = rows[0].length;
    this.visible = rows.map((steps) => steps.filter((step) => step >= 0));
    this.rowOf = rows.map((steps, side) => {
      const found = new Int32Array(runs[side].length).fill(-1);
      steps.forEach((step, row) => {
        if (step >= 0) found[step] = row;
      });
      return found;
    });
    this.lanes = this.lanesInUse(runs);
    this.laneRow = new Int32Array(LANES.length).fill(-1);
    this.lanes.forEach((lane, row) => {
      this.laneRow[lane] = row;
    });
    this.place();
  }

  lanesInUse(runs) {
    const used = new Uint8Array(LANES.length);
    runs.forEach((run, side) => {
      for (const step of this.visible[side]) {
        used[run.lane[step]] = 1;
        if (run.source[step] >= 0) used[run.source[step]] = 1;
      }
    });
    return LANES.map((_, lane) => lane).filter((lane) => used[lane]);
  }

  /** Where everything lies, in units of the axis: columns, or nanoseconds. */
  place() {
    const runs = this.runs;
    if (this.axis === STEPS) {
      this.begin = 0;
      this.end = Math.max(1, this.length);
    } else {
      const times = runs.flatMap((run, side) => {
        const steps = this.visible[side];
        return steps.length ? [run.time[steps[0]], run.time[steps[steps.length - 1]]] : [];
      });
      this.begin = times.length ? Math.min(...times) : 0;
      this.end = times.length ? Math.max(...times) : 1;
      const room = Math.max((this.end - this.begin) * 0.02, 500);
      this.begin -= room;
      this.end += room;
    }
  }

  /** Where an event lies; of one that the filter hides, where it would. */
  at(side, step) {
    const run = this.runs[side];
    if (this.axis === TIME) return run.time[step];
    const row = this.rowOf[side][step];
    if (row >= 0) return row + 0.5;
    const steps = this.visible[side];
    const after = firstAt(steps.length, (index) => steps[index], step);
    return after < steps.length ? this.rowOf[side][steps[after]] : this.end;
  }

  /** Where a message was sent or a timer armed. */
  sentAt(side, step) {
    const run = this.runs[side];
    if (this.axis === TIME) return run.since[step];
    if (run.cause[step] >= 0) return Math.min(this.at(side, run.cause[step]), this.at(side, step));
    const steps = this.visible[side];
    const after = firstAt(steps.length, (index) => run.time[steps[index]], run.since[step]);
    return Math.min(after < steps.length ? this.rowOf[side][steps[after]] : this.end, this.at(side, step) - 0.5);
  }

  /** The part of the visible steps of a run that lies between two places of the axis. */
  between(side, low, high) {
    const steps = this.visible[side];
    const place = (index) => this.at(side, steps[index]);
    return [firstAt(steps.length, place, low), firstAt(steps.length, place, high)];
  }

  /** Whether true time spreads the events well enough to be read. */
  isTimeReadable() {
    const run = this.runs[0];
    const steps = this.visible[0];
    if (steps.length < 2) return true;
    const span = run.time[steps[steps.length - 1]] - run.time[steps[0]] || 1;
    const taken = new Set(steps.map((step) => Math.floor(((run.time[step] - run.time[steps[0]]) / span) * 300)));
    return taken.size > steps.length * 0.8;
  }

  // --- looking elsewhere

  get least() {
    return this.width / (this.end - this.begin);
  }

  get most() {
    return this.axis === STEPS ? Math.max(WIDEST_COLUMN * 2, this.least) : Math.max(0.2, this.least);
  }

  bound() {
    this.scale = Math.min(this.most, Math.max(this.least, this.scale));
    const last = this.end - this.width / this.scale;
    this.offset = Math.max(this.begin, Math.min(last, this.offset));
  }

  fit() {
    this.scale = this.least;
    this.offset = this.begin;
    this.bound();
  }

  /** The scale at which the page opens: all of it if that can be read, else as much as can. */
  open() {
    this.fit();
    if (this.axis === STEPS) this.scale = this.least < LEAST_COLUMN ? READABLE_COLUMN : Math.min(WIDEST_COLUMN, this.least);
    this.bound();
  }

  zoom(factor, x = this.width / 2) {
    const under = this.offset + x / this.scale;
    this.scale = Math.min(this.most, Math.max(this.least, this.scale * factor));
    this.offset = under - x / this.scale;
    this.bound();
  }

  pan(pixels) {
    this.offset += pixels / this.scale;
    this.bound();
  }

  center(place) {
    this.offset = place - this.width / this.scale / 2;
    this.bound();
  }

  /** Bring an event into sight if it is not, and not too near to the edge. */
  reveal(side, step) {
    const x = (this.at(side, step) - this.offset) * this.scale;
    if (x < 60 || x > this.width - 120) this.center(this.at(side, step));
  }

  sideOf(run) {
    return this.runs.indexOf(run);
  }
}

/** The run to look at first: the shrunk one if there is one. */
function mainRun() {
  return RUNS.length > 1 && RUNS[1].failed ? 1 : 0;
}
