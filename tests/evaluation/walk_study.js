// Walks through a study's page as a participant would, on a stand-in for a browser's document; prints what is saved.
//   node walk_study.js study.html '{"select": [media ids], "closes": 5}'
"use strict";
const { readFileSync } = require("fs");

const [page, policy] = [readFileSync(process.argv[2], "utf8"), JSON.parse(process.argv[3])];

class Element {
  constructor(tag) {
    Object.assign(this, { tag, children: [], listeners: {}, attributes: {}, isConnected: true, checked: false });
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  addEventListener(kind, listener) {
    this.listeners[kind] = listener;
  }
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  focus() {
    focused.push(this.tag);
  }
  click() {
    if (this.disabled) throw new Error("clicked what is disabled: " + this.text());
    if (this.tag === "a") saved.push(this);
    this.listeners.click?.();
  }
  change(settings) {
    Object.assign(this, settings);
    this.listeners.change();
  }
  all(tag) {
    const below = this.children.flatMap((child) => (child instanceof Element ? child.all(tag) : []));
    return this.tag === tag ? [this, ...below] : below;
  }
  text() {
    const own = this.textContent ?? "";
    return own + this.children.map((child) => (child instanceof Element ? child.text() : child)).join("");
  }
  querySelector(tag) {
    return this.all(tag)[0];
  }
  querySelectorAll(tag) {
    return this.all(tag);
  }
}

const saved = [];
const focused = [];
const kept = {};
let ids, timers, blob;
globalThis.URL = { createObjectURL: (given) => ((blob = given), "blob:"), revokeObjectURL: () => {} };
globalThis.Blob = class {
  constructor(parts) {
    this.text = parts.join("");
  }
};
globalThis.scrollTo = () => {};
globalThis.localStorage = { getItem: (name) => kept[name] ?? null, setItem: (name, value) => (kept[name] = value) };
globalThis.setTimeout = (run) => timers.push(run);
globalThis.document = {
  getElementById: (id) => ids[id],
  createElement: (tag) => new Element(tag),
};

const study = page.match(/<script type="application\/json" id="study">(.*?)<\/script>/s)[1];
const script = page.match(/<script>(.*?)<\/script>/s)[1];

function open() {
  ids = Object.fromEntries(["page", "back", "next", "problem", "progress"].map((id) => [id, new Element(id)]));
  ids.study = { textContent: study };
  timers = [];
  new Function("module", script)(undefined);
}

const shown = (what) => ids.page.all(what);
const must = (holds, what) => {
  if (!holds) throw new Error(what);
};

open();
const trace = [];
while (!ids.next.hidden) {
  if (trace.length === policy.closes) open(); // the browser was closed, and opened again
  const title = shown("h2")[0].text();
  const boxes = shown("input");
  if (boxes.length > 0) {
    ids.next.click();
    must(ids.problem.textContent.startsWith("Select"), "went on without an answer");
    const media = JSON.parse(study).media;
    const choices = shown("video").map((video) => Object.keys(media).find((id) => media[id] === video.src));
    const wanted = choices.map((choice) => policy.select.includes(choice));
    wanted.forEach((on, i) => on && boxes[i].change({ checked: true }));
    if (!wanted.includes(true)) boxes.at(-1).change({ checked: true });
    trace.push([title, choices]);
  } else if (shown("button").some((button) => button.text().startsWith("Show"))) {
    ids.next.click();
    must(ids.problem.textContent === "Look at the reference first.", "did not wait for the reference");
    must(shown("select").length === 0, "showed the videos before their time");
    for (let tick = 0; shown("button")[0].disabled; tick += 1) {
      must(tick < 60, "never showed the videos");
      timers.shift()();
    }
    shown("button")[0].click();
    const selects = shown("select");
    selects.forEach((select) => select.change({ value: "1" }));
    ids.next.click();
    must(ids.problem.textContent.includes("not given yet: 2"), "took equal ranks");
    selects.forEach((select, i) => select.change({ value: String(i + 1) }));
    trace.push([title, shown("video").length]);
  } else {
    trace.push([title]);
  }
  ids.next.click();
  must(ids.problem.textContent === "", "stuck at " + title + ": " + ids.problem.textContent);
  must(focused.at(-1) === "h2", "the focus stayed behind");
}
shown("button")[0].click();
must(saved.length === 1 && saved[0].download.endsWith(".json"), "nothing was saved");
must(blob.text === shown("textarea")[0].value, "the text to copy differs");
console.log(JSON.stringify({ trace, saved: JSON.parse(blob.text) }));
