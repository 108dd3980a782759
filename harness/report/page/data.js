// What the page knows: runs as columns of numbers, texts by number. Nothing here touches the document but to read the data.

const KIND = { delivered: 0, timer: 1, note: 2, spawned: 3, ended: 4, dropped: 5, held: 6 };
const KIND_WORDS = ["delivered", "timer", "note", "spawned", "ended", "dropped", "held"];
const MESSAGE = 1;
const MARK = { deviation: 1, retry: 2, decisive: 4, state: 8 };

const DATA = JSON.parse(document.getElementById("data").textContent);
const LANES = DATA.lanes;

const UUID = /\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g;

/** A text with every uuid cut to its beginning. */
function shorten(text) {
  return text.length < 36 ? text : text.replace(UUID, "$1…");
}

/** A moment or span of virtual time for people; exact. */
function exactly(ns) {
  if (ns < 0) return `-${exactly(-ns)}`;
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${trimmed(ns / 1e3, 3)} µs`;
  if (ns < 1e9) return `${trimmed(ns / 1e6, 6)} ms`;
  return `${trimmed(ns / 1e9, 9)} s`;
}

/** The same in few characters. */
function roughly(ns) {
  if (ns < 1e3) return `${ns} ns`;
  if (ns < 1e6) return `${few(ns / 1e3)} µs`;
  if (ns < 1e9) return `${few(ns / 1e6)} ms`;
  if (ns < 6e11) return `${few(ns / 1e9)} s`;
  return `${few(ns / 6e10)} min`;
}

function trimmed(value, digits) {
  const text = value.toFixed(digits);
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

function few(value) {
  return trimmed(value, value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** One run: its columns, and what can be asked about its events by step. */
class Run {
  constructor(raw, number) {
    Object.assign(this, raw);
    this.number = number;
    this.length = raw.time.length;
    this._effects = null;
    this._search = new Array(this.length);
  }

  typeOf(step) {
    return DATA.texts[this.type[step]];
  }

  textOf(step) {
    return shorten(DATA.texts[this.text[step]]);
  }

  fieldsOf(step) {
    const text = DATA.texts[this.fields[step]];
    return text ? JSON.parse(text) : {};
  }

  has(step, mark) {
    return (this.marks[step] & mark) !== 0;
  }

  /** Whether something came from elsewhere: it is drawn as an arrow. */
  travels(step) {
    return this.source[step] >= 0 && this.source[step] !== this.lane[step];
  }

  /** What an event is called where there is little room. */
  label(step) {
    const kind = this.kind[step];
    if (kind === KIND.note) return this.textOf(step);
    if (kind === KIND.spawned || kind === KIND.ended) return KIND_WORDS[kind];
    const type = this.typeOf(step);
    return type.length > 10 ? type.replace(/Message$/, "") : type;
  }

  /** What it is in a sentence, without its time. */
  sentence(step) {
    const kind = this.kind[step];
    const to = LANES[this.lane[step]].label;
    const from = this.source[step] >= 0 ? LANES[this.source[step]].label : "the test";
    if (kind === KIND.note) return `${to}: ${this.textOf(step)}`;
    if (kind === KIND.spawned) return `${to} spawned`;
    if (kind === KIND.ended) return `${to} ended`;
    if (kind === KIND.timer) return `timer ${this.typeOf(step)} of ${to}`;
    const what = this.typeOf(step);
    const way = this.lane[step] === this.source[step] ? `at ${to}` : `from ${from} to ${to}`;
    if (kind === KIND.dropped) return `${what} ${way}, dropped`;
    if (kind === KIND.held) return `${what} ${way}, held back`;
    return `${what} ${way}`;
  }

  /** All that a search looks through, in lower case. */
  searchable(step) {
    let text = this._search[step];
    if (text === undefined) {
      text = [this.typeOf(step), DATA.texts[this.text[step]], DATA.texts[this.fields[step]], LANES[this.lane[step]].address];
      if (this.source[step] >= 0) text.push(LANES[this.source[step]].address);
      text = this._search[step] = text.join("\n").toLowerCase();
    }
    return text;
  }

  /** Steps from the event's own cause back to where it all began. */
  causes(step) {
    const found = [];
    for (let at = this.cause[step]; at >= 0; at = this.cause[at]) found.push(at);
    return found;
  }

  /** Steps that this event caused directly. */
  effects(step) {
    if (this._effects === null) {
      this._effects = new Map();
      for (let at = 0; at < this.length; at++) {
        const cause = this.cause[at];
        if (cause < 0) continue;
        const own = this._effects.get(cause);
        if (own) own.push(at);
        else this._effects.set(cause, [at]);
      }
    }
    return this._effects.get(step) || [];
  }
}

const RUNS = DATA.runs.map((raw, number) => new Run(raw, number));

/** The first index of a sorted list at which `place(index) >= wanted`. */
function firstAt(length, place, wanted) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (place(middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
