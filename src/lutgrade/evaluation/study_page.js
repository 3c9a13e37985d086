"use strict";

// The page: what a participant sees of the plan, and the session that is kept in the browser.

function start() {
  const study = JSON.parse(document.getElementById("study").textContent);
  const session = restored(study);
  const pages = plan(study, session.seed);
  const place = document.getElementById("page");
  const [back, next] = ["back", "next"].map((id) => document.getElementById(id));
  const alert = document.getElementById("problem");
  const keep = () => {
    alert.textContent = "";
    save(study, session);
  };
  let shown = { elements: [] };

  function show(focus) {
    const page = pages[session.page];
    alert.textContent = "";
    shown = rendered(study, session, page, keep);
    place.replaceChildren(...shown.elements);
    arrange();
    document.getElementById("progress").value = session.page / (pages.length - 1);
    document.getElementById("standing").textContent = standing(page);
    back.disabled = session.page === 0;
    next.hidden = page.kind === "end";
    if (focus) {
      scrollTo(0, 0);
      place.querySelector("h2").focus();
    }
  }

  function turn(by) {
    session.page += by;
    save(study, session);
    show(true);
  }

  function onwards() {
    const page = pages[session.page];
    const waiting = page.kind === "question" && page.part !== "artifact" && !session.seen.includes(page.key);
    alert.textContent = waiting ? "Look at the reference first." : problem(page, session.answers[page.key]);
    if (!alert.textContent) turn(1);
  }

  back.addEventListener("click", () => turn(-1));
  next.addEventListener("click", onwards);
  addEventListener("resize", arrange);
  addEventListener("beforeunload", (event) => {
    if (!session.kept && session.page > 0) event.preventDefault(); // asks before answers are lost
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const tag = event.target.tagName;
    const own = { BUTTON: ["Enter", " "], INPUT: [" "] }[tag] || []; // keys that the focused element has a use for
    if (tag === "SELECT" || tag === "TEXTAREA" || own.includes(event.key)) return;
    if (event.key === "Enter" && !next.hidden) onwards();
    else if (!shown.press || !shown.press(event.key.toUpperCase())) return;
    event.preventDefault(); // the space bar does not scroll
  });
  show(false);
}

/** The session that was begun in this browser, or a new one. */
function restored(study) {
  try {
    const kept = JSON.parse(localStorage.getItem("study " + study.study));
    if (kept) return kept;
  } catch {
    // A browser that keeps nothing for files: the session lasts as long as the page.
  }
  const [seed, ...name] = crypto.getRandomValues(new Uint32Array(4));
  const participant = name.map((part) => part.toString(16).padStart(8, "0")).join("");
  const session = { participant, seed, started: new Date().toISOString(), page: 0, answers: {}, seen: [] };
  save(study, session);
  return session;
}

/** Keeps the session in the browser; `session.kept` says whether that worked. */
function save(study, session) {
  session.kept = true;
  try {
    localStorage.setItem("study " + study.study, JSON.stringify(session));
  } catch {
    session.kept = false;
  }
}

/** The elements of a page, and what its keys do. `changed` is called when an answer was given. */
function rendered(study, session, page, changed) {
  if (page.kind === "introduction") return { elements: introduction(study, session) };
  if (page.kind === "part") return { elements: partIntroduction(page, study) };
  if (page.kind === "end") return { elements: ending(study, session) };
  return page.part === "artifact"
    ? artifactQuestion(study, session, page, changed)
    : rankQuestion(study, session, page, changed);
}

/** What the keys of a question do: a letter stands for a choice, the space bar for the player. Says if one did. */
function keys(page, chosen, toggle) {
  return (key) => {
    const choice = page.choices[LETTERS.indexOf(key)];
    if (choice !== undefined) chosen(choice);
    else if (key === " ") toggle();
    return choice !== undefined || key === " ";
  };
}

function artifactQuestion(study, session, page, changed) {
  const answer = () => session.answers[page.key] || { selected: [], none: false };
  const boxes = new Map();
  const set = (choice, on) => {
    session.answers[page.key] = marked(answer(), choice, on);
    refresh();
    changed();
  };
  const refresh = () =>
    boxes.forEach((input, choice) => {
      input.checked = choice === null ? answer().none : answer().selected.includes(choice);
    });
  const box = (choice, text) => {
    const input = make("input", { type: "checkbox" });
    input.addEventListener("change", () => set(choice, input.checked));
    boxes.set(choice, input);
    return make("label", {}, input, text);
  };
  const flip = (choice) => set(choice, !answer().selected.includes(choice));
  const figures = page.choices.map((choice, i) =>
    tile(study.media[choice], "Video " + LETTERS[i], () => flip(choice), box(choice, LETTERS[i] + " has artifacts"))
  );
  const { controls, toggle } = player(figures);
  const none = make("p", { className: "none" }, box(null, "None has artifacts"));
  refresh();
  return {
    elements: [
      heading("Which videos have artifacts?"),
      make("div", { className: "bar" }, controls, none),
      tiled(figures, page.question.aspect),
    ],
    press: keys(page, flip, toggle),
  };
}

function rankQuestion(study, session, page, changed) {
  const described = page.part === "intent";
  const title = described ? "Which videos match the description?" : "Which videos convey the mood of the reference?";
  const reference = study.media[page.question.reference];
  const place = make("div");
  const view = {
    elements: [heading(title), ...(described ? [paragraph(page.question.description)] : []), place],
  };
  const reveal = () => {
    const { elements, press } = ranking(study, session, page, changed);
    place.replaceChildren(...elements);
    view.press = press;
  };
  if (session.seen.includes(page.key)) {
    reveal();
    return view;
  }
  const waiting = waitThen(study.seconds, () => {
    session.seen.push(page.key);
    changed();
    reveal();
    arrange();
    view.elements[0].focus();
  });
  const shown = make("figure", {}, medium(reference, "Reference"), make("figcaption"));
  place.replaceChildren(make("div", { className: "bar" }, waiting), tiled([shown], page.question.aspect));
  return view;
}

/** A button that opens after some seconds, which it counts down. */
function waitThen(seconds, done) {
  const opening = button("", done);
  const count = (left) => {
    opening.disabled = left > 0;
    opening.textContent = left > 0 ? `Show the videos (in ${left} s)` : "Show the videos";
    if (left > 0) setTimeout(() => count(left - 1), 1000);
  };
  count(seconds);
  return opening;
}

function ranking(study, session, page, changed) {
  const ranks = () => session.answers[page.key] || {};
  const selects = new Map();
  const set = (choice, rank) => {
    session.answers[page.key] = ranked(ranks(), choice, rank);
    refresh();
    changed();
  };
  const refresh = () => selects.forEach((select, choice) => (select.value = String(ranks()[choice] || 0)));
  const figures = page.choices.map((choice, i) => {
    const select = make("select", {}, make("option", { value: "0", textContent: "no rank" }));
    for (let rank = 1; rank <= page.choices.length; rank += 1) {
      select.append(make("option", { value: String(rank), textContent: rank }));
    }
    select.setAttribute("aria-label", "Rank of video " + LETTERS[i]);
    select.addEventListener("change", () => set(choice, Number(select.value)));
    selects.set(choice, select);
    const label = make("label", {}, LETTERS[i], select);
    return tile(study.media[choice], "Video " + LETTERS[i], () => next(choice), label);
  });
  const next = (choice) => set(choice, ranks()[choice] ? 0 : freeRank(ranks(), page.choices));
  const { controls, toggle } = player(figures);
  const reference = tile(study.media[page.question.reference], "Reference", () => {}, make("strong", { textContent: "Reference" }));
  const scale = make("p", { textContent: `1 matches best, ${page.choices.length} least.` });
  refresh();
  return {
    elements: [
      make("div", { className: "bar" }, controls, scale),
      tiled([reference, ...figures], page.question.aspect),
    ],
    press: keys(page, next, toggle),
  };
}

start();
