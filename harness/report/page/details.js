// One event in full: what it was, what it held, why it happened, what came of it.

const MOST_LINKS = 12;

class Details {
  constructor(box, choose) {
    this.box = box;
    this.choose = choose;
    box.addEventListener("click", (event) => {
      const link = event.target.closest("button[data-step]");
      if (link) this.choose(RUNS[Number(link.dataset.run)], Number(link.dataset.step), true);
    });
  }

  show(run, step) {
    const kind = run.kind[step];
    const title = kind === KIND.note ? "Note" : kind === KIND.spawned || kind === KIND.ended ? KIND_WORDS[kind] : run.typeOf(step);
    const parts = [
      html("p", { class: "where" }, `${run.title}, step ${step}, at ${exactly(run.time[step])}`),
      html("h3", { id: "event-title" }, title),
      html("p", { class: "sentence" }, run.sentence(step), "."),
      this.facts(run, step),
    ];
    const marks = this.marks(run, step);
    if (marks) parts.push(marks);
    const fields = run.fieldsOf(step);
    if (Object.keys(fields).length) parts.push(html("h4", {}, "Fields"), this.fields(fields));
    else if (kind !== KIND.note && run.textOf(step) !== title) parts.push(html("p", { class: "text" }, run.textOf(step)));
    const causes = run.causes(step);
    parts.push(html("h4", {}, "What caused it"));
    if (!causes.length) parts.push(html("p", {}, "The test itself."));
    else parts.push(this.links(run, causes, "causes"));
    const effects = run.effects(step);
    parts.push(html("h4", {}, "What it caused"));
    parts.push(effects.length ? this.links(run, effects, "effects") : html("p", {}, "Nothing on record."));
    this.box.replaceChildren(...parts);
    this.box.scrollTop = 0;
  }

  facts(run, step) {
    const list = html("dl", { class: "facts" });
    const fact = (name, value) => list.append(html("dt", {}, name), html("dd", {}, value));
    fact("process", LANES[run.lane[step]].address);
    const kind = run.kind[step];
    const arrived = kind === KIND.delivered || kind === KIND.dropped || kind === KIND.held;
    if (arrived && run.source[step] >= 0) fact("from", LANES[run.source[step]].address);
    if (arrived) fact("sent", `at ${exactly(run.since[step])}, ${exactly(run.time[step] - run.since[step])} before`);
    if (kind === KIND.timer) fact("armed", `at ${exactly(run.since[step])}, ${exactly(run.time[step] - run.since[step])} before`);
    return list;
  }

  marks(run, step) {
    const words = (run.words[step] || []).map((number) => `Deviation: ${DATA.texts[number]}.`);
    if (run.has(step, MARK.decisive)) words.unshift("One of the two events whose order decides.");
    if (run.has(step, MARK.retry)) words.push("Sent again because a timer ran out.");
    return words.length ? html("ul", { class: "marks" }, ...words.map((word) => html("li", {}, word))) : null;
  }

  fields(fields) {
    const list = html("dl", { class: "fields" });
    for (const [name, value] of Object.entries(fields)) {
      const nested = typeof value === "object";
      list.append(html("dt", {}, name), html("dd", {}, nested ? this.fields(value) : shorten(String(value))));
    }
    return list;
  }

  links(run, steps, name) {
    const list = html("ol", { class: name });
    for (const step of steps.slice(0, MOST_LINKS)) {
      const link = html("button", { type: "button", "data-step": step, "data-run": run.number }, run.sentence(step));
      list.append(html("li", {}, html("span", { class: "when" }, exactly(run.time[step])), " ", link));
    }
    if (steps.length > MOST_LINKS) list.append(html("li", { class: "more" }, `and ${steps.length - MOST_LINKS} more`));
    return list;
  }

  clear() {
    this.box.replaceChildren(
      html("p", { class: "hint" }, "Choose an event: click it, or put the focus on the lanes and use the arrow keys."),
    );
  }
}
