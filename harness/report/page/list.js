// The events as a table of text, for those who would rather read; two runs side by side, row by row. Only rows in sight exist.

const LINE = 22;

class EventList {
  constructor(view, box, choose) {
    this.view = view;
    this.box = box;
    this.choose = choose;
    this.sizer = html("div", { class: "sizer", role: "rowgroup" });
    box.replaceChildren(this.sizer);
    box.addEventListener("scroll", () => this.draw());
    this.sizer.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-step]");
      if (cell) this.choose(view.runs[Number(cell.dataset.side)], Number(cell.dataset.step));
    });
  }

  layOut() {
    this.sizer.style.height = `${this.view.length * LINE}px`;
    this.box.setAttribute("aria-rowcount", this.view.length);
    this.box.classList.toggle("two", this.view.mode === COMPARE);
  }

  draw() {
    const { view, box } = this;
    const first = Math.max(0, Math.floor(box.scrollTop / LINE) - 4);
    const last = Math.min(view.length, Math.ceil((box.scrollTop + box.clientHeight) / LINE) + 4);
    const lines = [];
    const parting = differenceRow(view);
    for (let row = first; row < last; row++) {
      const line = html("div", { class: row === parting ? "line difference" : "line", role: "row", "aria-rowindex": row + 1 });
      line.style.top = `${row * LINE}px`;
      view.runs.forEach((run, side) => line.append(this.cell(run, side, row)));
      lines.push(line);
    }
    this.sizer.replaceChildren(...lines);
  }

  cell(run, side, row) {
    const step = this.view.rows[side][row];
    if (step < 0) return html("div", { class: "cell none", role: "gridcell" });
    const chosen = this.view.selected && this.view.selected.run === run && this.view.selected.step === step;
    const alone = this.view.mode === COMPARE && this.view.rows[1 - side][row] < 0;
    const style = `cell${chosen ? " chosen" : ""}${alone ? " alone" : ""}`;
    const cell = html("div", { class: style, role: "gridcell", "data-step": step, "data-side": side, "aria-selected": Boolean(chosen) });
    const picture = svg("svg", { width: 18, height: LINE, "aria-hidden": "true" });
    const brush = new Brush();
    brush.event(styleOf(run, step), 9, LINE / 2);
    if (run.has(step, MARK.decisive)) brush.add("mark decisive", star(9, LINE / 2, 8));
    brush.into(picture);
    const who = LANES[run.lane[step]];
    const kind = run.kind[step];
    const lost = kind === KIND.dropped || kind === KIND.held ? `${KIND_WORDS[kind]}: ` : "";
    const from = run.travels(step) ? html("span", { class: "from" }, ` ← ${LANES[run.source[step]].label}`) : "";
    cell.append(
      html("span", { class: "when" }, exactly(run.time[step])),
      picture,
      html("span", { class: "who", title: who.address }, who.label),
      html("span", { class: "what" }, lost + run.textOf(step), from),
    );
    return cell;
  }

  reveal(row) {
    const top = row * LINE;
    if (top < this.box.scrollTop + LINE) this.box.scrollTop = top - 3 * LINE;
    else if (top > this.box.scrollTop + this.box.clientHeight - 2 * LINE) this.box.scrollTop = top - this.box.clientHeight / 2;
  }
}
