// Puts the parts together: what is pressed, clicked and typed changes the view, and the view is drawn anew.

const $ = (id) => document.getElementById(id);

class Page {
  constructor() {
    for (const run of RUNS) {
      // Where nearly everything deviates, as in a random run, marking it says nothing.
      run.marksDeviations = run.marks.filter((marks) => marks & MARK.deviation).length <= Math.max(12, run.length / 8);
    }
    this.view = new View();
    this.stage = $("stage");
    this.axis = new Axis(this.view, () => this.draw());
    this.list = new EventList(this.view, $("list"), (run, step) => this.choose(run, step));
    this.details = new Details($("details"), (run, step, jump) => this.choose(run, step, jump));
    this.details.clear();
    this.drawing = 0;
    this.listen();
    drawLegend($("legend"));
    this.fillFilters();
    this.rebuild(true);
    this.begin();
  }

  /** What to look at first: where the runs part, else the decisive pair, else the failure. */
  begin() {
    if (differenceRow(this.view) >= 0) this.goToDifference();
    else if (this.marked(MARK.decisive).length) this.goToMark(MARK.decisive, 1);
    else if (this.view.runs[0].failed) this.goToEnd();
    else this.draw();
  }

  // --- drawing

  /** Everything anew: after another run, another filter, another axis. */
  rebuild(open = false) {
    const { view } = this;
    if (!this.panes || this.panes.length !== view.runs.length) {
      this.panes = view.runs.map((_, side) => new Lanes(view, side, (run, step) => this.choose(run, step)));
      this.stage.replaceChildren(this.axis.strip, this.axis.ruler, ...this.panes.map((pane) => pane.box));
      this.stage.classList.toggle("two", view.mode === COMPARE);
      for (const pane of this.panes) {
        pane.scroller.addEventListener("scroll", () => {
          for (const other of this.panes) if (other !== pane) other.scroller.scrollTop = pane.scroller.scrollTop;
          this.draw();
        });
      }
    }
    this.measure();
    if (open) view.open();
    else view.bound();
    for (const pane of this.panes) pane.layOut();
    this.axis.layOut();
    this.list.layOut();
    this.tell();
    this.drawNow();
  }

  measure() {
    const wide = this.stage.clientWidth;
    this.view.gutter = wide < 700 ? 130 : 216;
    this.view.width = Math.max(200, wide - this.view.gutter - 4);
  }

  draw() {
    if (!this.drawing) this.drawing = requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    cancelAnimationFrame(this.drawing);
    this.drawing = 0;
    for (const pane of this.panes) pane.draw();
    this.axis.draw();
    this.list.draw();
  }

  /** How many events pass, and which buttons make sense. */
  tell() {
    const { view } = this;
    const all = view.runs.reduce((sum, run) => sum + run.length, 0);
    const shown = view.visible.reduce((sum, steps) => sum + steps.length, 0);
    $("count").textContent = view.isFiltered ? `${shown} of ${all} events` : `${all} events`;
    $("clear").hidden = !view.isFiltered;
    $("to-difference").hidden = differenceRow(view) < 0;
    $("to-decisive").hidden = !this.marked(MARK.decisive).length;
    $("to-deviation").hidden = !view.runs[0].marksDeviations || !this.marked(MARK.deviation).length;
    $("to-end").hidden = !view.runs[0].failed;
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", button.dataset.mode === String(view.mode));
    }
    for (const button of document.querySelectorAll("[data-axis]")) {
      button.setAttribute("aria-pressed", button.dataset.axis === view.axis);
    }
  }

  // --- choosing and going

  choose(run, step, jump = false) {
    const { view } = this;
    const side = view.sideOf(run);
    view.selected = { run, step };
    this.details.show(run, step);
    $("said").textContent = `${exactly(run.time[step])}: ${run.sentence(step)}`;
    if (side >= 0) {
      if (view.rowOf[side][step] < 0 && jump) this.clearFilter();
      view.reveal(side, step);
      this.panes[side].revealLane(run.lane[step]);
      const row = view.rowOf[side][step];
      if (row >= 0) this.list.reveal(row);
    }
    this.draw();
  }

  unchoose() {
    this.view.selected = null;
    this.details.clear();
    this.draw();
  }

  /** Move the choice to the next or the last event that passes the filter. */
  step(by) {
    const { view } = this;
    const side = view.selected ? Math.max(0, view.sideOf(view.selected.run)) : 0;
    const steps = view.visible[side];
    if (!steps.length) return;
    let index = firstAt(steps.length, (at) => steps[at], Math.ceil(view.offset + 1));
    if (view.selected && view.runs[side] === view.selected.run) {
      index = firstAt(steps.length, (at) => steps[at], view.selected.step) + by;
    } else if (view.axis === STEPS) {
      index = view.between(side, view.offset, view.offset)[0];
    }
    this.choose(view.runs[side], steps[Math.max(0, Math.min(steps.length - 1, index))]);
  }

  /** Move the choice to the nearest event of the lane above or below. */
  stepLane(by) {
    const { view } = this;
    if (!view.selected) return this.step(0);
    const side = view.sideOf(view.selected.run);
    if (side < 0) return undefined;
    const run = view.runs[side];
    const near = view.selected.step;
    for (let row = view.laneRow[run.lane[near]] + by; row >= 0 && row < view.lanes.length; row += by) {
      const own = view.visible[side].filter((step) => run.lane[step] === view.lanes[row]);
      if (own.length) {
        return this.choose(run, own.reduce((best, step) => (Math.abs(step - near) < Math.abs(best - near) ? step : best)));
      }
    }
    return undefined;
  }

  /** To the other run's same event, when two are compared. */
  stepSide() {
    const { view } = this;
    if (view.mode !== COMPARE || !view.selected) return;
    const side = view.sideOf(view.selected.run);
    const other = view.rows[1 - side][view.rowOf[side][view.selected.step]];
    if (other >= 0) this.choose(view.runs[1 - side], other);
  }

  goToCause(towards) {
    const { selected } = this.view;
    if (!selected) return;
    const { run, step } = selected;
    const next = towards < 0 ? run.cause[step] : run.effects(step)[0];
    if (next !== undefined && next >= 0) this.choose(run, next, true);
  }

  marked(mark) {
    return this.view.visible[0].filter((step) => this.view.runs[0].has(step, mark));
  }

  goToMark(mark, by) {
    const steps = this.marked(mark);
    if (!steps.length) return;
    const { view } = this;
    const run = view.runs[0];
    const from = view.selected && view.selected.run === run ? view.selected.step : by > 0 ? -1 : run.length;
    const next = by > 0 ? steps.find((step) => step > from) ?? steps[0] : steps.findLast((step) => step < from) ?? steps.at(-1);
    view.center(view.at(0, next));
    this.choose(run, next);
  }

  goToDifference() {
    const { view } = this;
    const row = differenceRow(view);
    if (row < 0) return;
    const side = view.rows[0][row] >= 0 ? 0 : 1;
    view.center(view.at(side, view.rows[side][row]));
    this.choose(view.runs[side], view.rows[side][row]);
  }

  /** To the moment of the failure: the last event before the clean-up, or the last of all. */
  goToEnd() {
    const { view } = this;
    const run = view.runs[0];
    const end = run.aborted && run.over !== null ? run.over : run.length;
    const steps = view.visible[0].filter((step) => step < end);
    if (!steps.length) return;
    view.center(view.at(0, steps.at(-1)));
    this.choose(run, steps.at(-1));
  }

  look(mode) {
    this.view.mode = mode === COMPARE ? COMPARE : Number(mode);
    this.view.arrange();
    this.rebuild(true);
    if (this.view.selected && this.view.sideOf(this.view.selected.run) >= 0) {
      this.choose(this.view.selected.run, this.view.selected.step);
    } else {
      this.unchoose();
      this.begin();
    }
  }

  setAxis(axis) {
    this.view.axis = axis;
    this.view.place();
    this.rebuild(true);
    if (this.view.selected) this.choose(this.view.selected.run, this.view.selected.step);
  }

  // --- filtering

  fillFilters() {
    const hosts = new Map();
    LANES.forEach((lane, number) => hosts.set(lane.host, [...(hosts.get(lane.host) || []), number]));
    for (const [host, lanes] of hosts) {
      const group = html("optgroup", { label: host });
      if (lanes.length > 1) group.append(html("option", { value: lanes.join(" ") }, `all of ${host}`));
      for (const lane of lanes) group.append(html("option", { value: lane }, LANES[lane].label));
      $("process").append(group);
    }
    const types = new Set();
    for (const run of RUNS) for (const number of run.type) types.add(DATA.texts[number]);
    types.delete("");
    const kinds = html("optgroup", { label: "kinds" });
    for (const word of KIND_WORDS) kinds.append(html("option", { value: word }, word));
    const named = html("optgroup", { label: "messages, calls, timers" });
    for (const type of [...types].sort()) named.append(html("option", { value: type }, type));
    $("type").append(kinds, named);
  }

  refilter() {
    const { view } = this;
    const lanes = $("process").value;
    view.filter = {
      lanes: lanes ? new Set(lanes.split(" ").map(Number)) : null,
      type: $("type").value,
      text: $("text").value.trim().toLowerCase().replace(/…$/, ""),
    };
    view.arrange();
    this.rebuild(true);
    const chosen = view.selected;
    if (chosen && view.sideOf(chosen.run) >= 0 && view.rowOf[view.sideOf(chosen.run)][chosen.step] >= 0) {
      this.choose(chosen.run, chosen.step);
    }
  }

  clearFilter() {
    $("process").value = $("type").value = $("text").value = "";
    this.refilter();
  }

  // --- listening

  listen() {
    const press = (id, act) => $(id).addEventListener("click", act);
    press("zoom-in", () => this.zoom(1.6));
    press("zoom-out", () => this.zoom(1 / 1.6));
    press("fit", () => this.fit());
    press("left", () => this.pan(-0.5));
    press("right", () => this.pan(0.5));
    press("to-difference", () => this.goToDifference());
    press("to-decisive", () => this.goToMark(MARK.decisive, 1));
    press("to-deviation", () => this.goToMark(MARK.deviation, 1));
    press("to-end", () => this.goToEnd());
    press("clear", () => this.clearFilter());
    $("process").addEventListener("change", () => this.refilter());
    $("type").addEventListener("change", () => this.refilter());
    $("text").addEventListener("input", () => this.refilter());
    document.addEventListener("click", (event) => this.onClick(event));
    this.stage.addEventListener("keydown", (event) => this.onKey(event));
    // In the list events lie below each other, and the other run beside.
    $("list").addEventListener("keydown", (event) => {
      const act = { ArrowDown: () => this.step(1), ArrowUp: () => this.step(-1), ArrowLeft: () => this.stepSide(), ArrowRight: () => this.stepSide() };
      if (!act[event.key] || event.ctrlKey || event.metaKey || event.altKey) return this.onKey(event);
      event.preventDefault();
      return act[event.key]();
    });
    this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
    this.listenToDragging();
    new ResizeObserver(() => {
      if (this.stage.clientWidth !== this.known) {
        this.known = this.stage.clientWidth;
        this.rebuild();
      }
    }).observe(this.stage);
  }

  onClick(event) {
    const button = event.target.closest("button");
    if (!button) return;
    const { mode, axis, copy, goRun, goStep } = button.dataset;
    if (mode !== undefined) this.look(mode);
    else if (axis !== undefined) this.setAxis(axis);
    else if (copy !== undefined) copyText($(copy).textContent, button);
    else if (goStep !== undefined) {
      const run = RUNS[Number(goRun)];
      if (this.view.sideOf(run) < 0) this.look(goRun);
      this.choose(run, Number(goStep), true);
      this.stage.scrollIntoView({ block: "nearest" });
    }
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      ArrowRight: () => (event.shiftKey ? this.pan(0.25) : this.step(1)),
      ArrowLeft: () => (event.shiftKey ? this.pan(-0.25) : this.step(-1)),
      ArrowDown: () => this.stepLane(1),
      ArrowUp: () => this.stepLane(-1),
      Home: () => this.choose(this.view.runs[0], this.view.visible[0][0]),
      End: () => this.choose(this.view.runs[0], this.view.visible[0].at(-1)),
      PageDown: () => this.pan(0.8),
      PageUp: () => this.pan(-0.8),
      "+": () => this.zoom(1.6),
      "=": () => this.zoom(1.6),
      "-": () => this.zoom(1 / 1.6),
      0: () => this.fit(),
      f: () => this.fit(),
      c: () => this.goToCause(-1),
      e: () => this.goToCause(1),
      o: () => this.stepSide(),
      d: () => this.goToDifference(),
      n: () => this.goToMark(MARK.decisive | (this.view.runs[0].marksDeviations ? MARK.deviation : 0), 1),
      p: () => this.goToMark(MARK.decisive | (this.view.runs[0].marksDeviations ? MARK.deviation : 0), -1),
      "/": () => $("text").focus(),
      Enter: () => this.view.selected && $("details").focus(),
      Escape: () => this.unchoose(),
    }[event.key];
    if (!act || (event.key === "Enter" && event.target.closest("button"))) return;
    event.preventDefault();
    act();
  }

  onWheel(event) {
    const zooms = event.ctrlKey || event.metaKey;
    const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (!zooms && !across) return;
    event.preventDefault();
    const x = event.clientX - this.stage.getBoundingClientRect().left - this.view.gutter;
    if (zooms) this.view.zoom(Math.exp(-event.deltaY * 0.004), Math.max(0, x));
    else this.view.pan(across);
    this.draw();
  }

  listenToDragging() {
    let last = null;
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && event.target.closest(".lanes")) last = event;
    });
    window.addEventListener("pointermove", (event) => {
      if (last === null) return;
      if (!(event.buttons & 1)) {
        last = null;
        return;
      }
      this.view.pan(last.clientX - event.clientX);
      this.panes[0].scroller.scrollTop += last.clientY - event.clientY;
      last = event;
      this.draw();
    });
  }

  zoom(factor) {
    const { view } = this;
    const side = view.selected ? view.sideOf(view.selected.run) : -1;
    const x = side >= 0 ? (view.at(side, view.selected.step) - view.offset) * view.scale : -1;
    view.zoom(factor, x >= 0 && x <= view.width ? x : view.width / 2);
    this.draw();
  }

  pan(part) {
    this.view.pan(part * this.view.width);
    this.draw();
  }

  fit() {
    this.view.fit();
    this.draw();
  }
}

/** Put a text on the clipboard; where a page from a file may not, select it instead. */
function copyText(text, button) {
  const done = () => {
    button.textContent = "copied";
    setTimeout(() => {
      button.textContent = "copy";
    }, 1500);
  };
  const select = () => {
    const range = document.createRange();
    range.selectNodeContents($(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (document.execCommand("copy")) done();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select);
  else select();
}

const PAGE = new Page();
