"use strict";

const PARTS = ["artifact", "mood", "intent"];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

// ---- The study without its page -------------------------------------------------------------------------------

/** Numbers in [0, 1) from a seed of 32 bits: Mulberry32. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A copy in an order drawn from a generator: Fisher and Yates. */
function shuffled(items, random) {
  const order = items.slice();
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/** The pages in a participant's order: the questions of each part, and the choices of each question, by the seed. */
function plan(study, seed) {
  const random = generator(seed);
  const pages = [{ kind: "introduction" }];
  for (const part of PARTS) {
    const asked = study.questions.filter((question) => part !== "intent" || question.description);
    if (asked.length === 0) continue;
    pages.push({ kind: "part", part });
    for (const question of shuffled(asked, random)) {
      const choices = part === "artifact" ? question.artifact : question.choices;
      const key = part + "/" + question.id;
      pages.push({ kind: "question", key, part, question, choices: shuffled(choices, random) });
    }
  }
  pages.push({ kind: "end" });
  return pages;
}

/** What keeps an answer from being complete, or "". */
function problem(page, answer) {
  if (page.kind !== "question") return "";
  if (page.part === "artifact") {
    if (!answer) return "Select every video that has artifacts, or “none of them”.";
    if (answer.none && answer.selected.length > 0) return "You selected videos and “none of them”: keep one of the two.";
    return answer.none || answer.selected.length > 0 ? "" : "Select every video that has artifacts, or “none of them”.";
  }
  const ranks = page.choices.map((choice) => (answer || {})[choice] || 0);
  const missing = page.choices.map((_, i) => i + 1).filter((rank) => !ranks.includes(rank));
  if (missing.length === 0) return "";
  return "Give each video a rank of its own; not given yet: " + missing.join(", ") + ".";
}

/** The answers as they are exported. */
function exported(study, session, finished) {
  const answers = {};
  for (const page of plan(study, session.seed)) {
    if (page.kind !== "question") continue;
    const answer = session.answers[page.key];
    const entry = (answers[page.question.id] = answers[page.question.id] || {});
    entry[page.part] = page.part === "artifact" ? answer.selected : answer;
  }
  const { participant, seed, started } = session;
  return { study: study.study, participant, seed, started, finished, answers };
}

if (typeof module !== "undefined") module.exports = { generator, shuffled, plan, problem, exported };

// ---- The page -------------------------------------------------------------------------------------------------

function start() {
  const study = JSON.parse(document.getElementById("study").textContent);
  const session = restored(study);
  const pages = plan(study, session.seed);
  const place = document.getElementById("page");
  const [back, next] = ["back", "next"].map((id) => document.getElementById(id));
  const alert = document.getElementById("problem");

  function show(focus) {
    const page = pages[session.page];
    alert.textContent = "";
    place.replaceChildren(...rendered(study, session, page, () => save(study, session)));
    document.getElementById("progress").value = session.page / (pages.length - 1);
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

  back.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => {
    const page = pages[session.page];
    const waiting = page.kind === "question" && page.part !== "artifact" && !seen(session, page);
    alert.textContent = waiting ? "Look at the reference first." : problem(page, session.answers[page.key]);
    if (!alert.textContent) turn(1);
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
  return { participant, seed, started: new Date().toISOString(), page: 0, answers: {}, seen: [] };
}

function save(study, session) {
  try {
    localStorage.setItem("study " + study.study, JSON.stringify(session));
  } catch {
    // As above.
  }
}

const seen = (session, page) => session.seen.includes(page.key);

/** An element with attributes, properties and children. */
function make(tag, settings = {}, ...children) {
  const element = Object.assign(document.createElement(tag), settings);
  element.append(...children);
  return element;
}

const heading = (text) => make("h2", { tabIndex: -1, textContent: text });
const paragraph = (text) => make("p", { textContent: text });

function medium(uri, name) {
  if (uri.startsWith("data:image")) return make("img", { src: uri, alt: name });
  const video = make("video", { src: uri, controls: true, loop: true, muted: true, playsInline: true });
  video.setAttribute("aria-label", name);
  return video;
}

/** The elements of a page. `changed` is called when an answer was given. */
function rendered(study, session, page, changed) {
  if (page.kind === "introduction") return introduction(study);
  if (page.kind === "part") return partIntroduction(page.part, study);
  if (page.kind === "end") return ending(study, session);
  return page.part === "artifact"
    ? artifactQuestion(study, session, page, changed)
    : rankQuestion(study, session, page, changed);
}

function introduction(study) {
  return [
    heading("What color grading is"),
    paragraph(
      "Color grading changes the colors of a film after it was shot. Technically it balances exposure, contrast and " +
        "color, so that shots belong together. Artistically it tells part of the story: a mood, a place, a time, how " +
        "a scene should feel. A warm and bright scene and a cold and pale one may be the same shot."
    ),
    paragraph("Here is a picture before and after a grade:"),
    make(
      "div",
      { className: "media" },
      ...["before", "after"].map((name) =>
        make("figure", {}, medium(study.example[name], name + " grading"), make("figcaption", { textContent: name }))
      )
    ),
    paragraph(
      "You will see videos that several methods graded, and be asked about them. Use a screen of good colors, at full " +
        "brightness, in a room that is not too bright. Nothing is sent anywhere: at the end you save a file with your " +
        "answers and hand it in. If you close the page, it goes on where you were, in most browsers."
    ),
  ];
}

function partIntroduction(part, study) {
  const count = study.questions.length;
  const texts = {
    artifact: [
      "Artifacts",
      "Select all videos that have artifacts, such as blur, colors that bleed beyond edges, blocks, banding or " +
        "flicker. Whether you like the colors does not matter here. There may be several such videos, or none.",
    ],
    mood: [
      "Mood",
      `First look at a reference frame for ${study.seconds} seconds, and take in its mood, its emotion and what its ` +
        "colorist may have intended. Then rank the videos by how well each conveys them: 1 matches best.",
    ],
    intent: [
      "Intent",
      "You will see a reference frame again, with a description of what its colorist intended. Rank the videos by how " +
        "well each matches the description: 1 matches best.",
    ],
  };
  const [title, text] = texts[part];
  return [heading(`Part ${PARTS.indexOf(part) + 1}: ${title}`), paragraph(text), paragraph(`Up to ${count} questions.`)];
}

function artifactQuestion(study, session, page, changed) {
  const answer = (session.answers[page.key] = session.answers[page.key] || { selected: [], none: false });
  const box = (checked, apply) => {
    const input = make("input", { type: "checkbox", checked });
    input.addEventListener("change", () => {
      apply(input.checked);
      changed();
    });
    return input;
  };
  const figures = page.choices.map((choice, i) => {
    const name = "Video " + LETTERS[i];
    const input = box(answer.selected.includes(choice), (on) => {
      answer.selected = answer.selected.filter((other) => other !== choice).concat(on ? [choice] : []);
    });
    const label = make("label", {}, input, name + " has artifacts");
    return make("figure", {}, medium(study.media[choice], name), make("figcaption", {}, label));
  });
  const none = box(answer.none, (on) => {
    answer.none = on;
  });
  const question = make("fieldset", {}, make("legend", { textContent: "Which videos have artifacts?" }));
  question.append(playAll(figures), make("div", { className: "media" }, ...figures));
  question.append(make("p", {}, make("label", {}, none, "None of them has artifacts")));
  return [heading("Which videos have artifacts?"), question];
}

function rankQuestion(study, session, page, changed) {
  const described = page.part === "intent";
  const title = described ? "Which videos match the description?" : "Which videos convey the mood of the reference?";
  const reference = make("div", { className: "reference" }, medium(study.media[page.question.reference], "Reference"));
  if (described) reference.append(paragraph(page.question.description));
  const place = make("div");
  const reveal = () => place.replaceChildren(...ranking(study, session, page, changed));
  if (seen(session, page)) {
    reveal();
  } else {
    waitThen(place, study.seconds, () => {
      session.seen.push(page.key);
      changed();
      reveal();
    });
  }
  return [heading(title), reference, place];
}

/** A button that opens after some seconds, which it counts down. */
function waitThen(place, seconds, done) {
  const button = make("button", { type: "button", disabled: true });
  let left = seconds;
  const count = () => {
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Show the videos (in ${left} s)` : "Show the videos";
    left -= 1;
    if (left >= 0 && (place.isConnected || left === seconds - 1)) setTimeout(count, 1000);
  };
  button.addEventListener("click", done);
  place.replaceChildren(button);
  count();
}

function ranking(study, session, page, changed) {
  const answer = (session.answers[page.key] = session.answers[page.key] || {});
  const figures = page.choices.map((choice, i) => {
    const name = "Video " + LETTERS[i];
    const select = make("select", {}, make("option", { value: "0", textContent: "not ranked" }));
    page.choices.forEach((_, rank) => {
      const note = rank === 0 ? " (best)" : rank === page.choices.length - 1 ? " (least)" : "";
      select.append(make("option", { value: String(rank + 1), textContent: rank + 1 + note }));
    });
    select.value = String(answer[choice] || 0);
    select.addEventListener("change", () => {
      answer[choice] = Number(select.value);
      changed();
    });
    const label = make("label", {}, "Rank of video " + LETTERS[i], select);
    return make("figure", {}, medium(study.media[choice], name), make("figcaption", {}, label));
  });
  const last = page.choices.length;
  const legend = make("legend", { textContent: `Rank from 1 (matches best) to ${last} (matches least)` });
  return [make("fieldset", {}, legend, playAll(figures), make("div", { className: "media" }, ...figures))];
}

/** A button that plays all videos from their start, so that they run side by side. */
function playAll(figures) {
  const videos = figures.flatMap((figure) => [...figure.querySelectorAll("video")]);
  if (videos.length === 0) return "";
  const button = make("button", { type: "button", textContent: "Play all from the start" });
  button.addEventListener("click", () =>
    videos.forEach((video) => {
      video.currentTime = 0;
      video.play();
    })
  );
  return make("p", {}, button);
}

function ending(study, session) {
  const answers = exported(study, session, new Date().toISOString());
  const text = JSON.stringify(answers, null, 1) + "\n";
  const button = make("button", { type: "button", textContent: "Save my answers" });
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href: url, download: `answers-${answers.participant.slice(0, 8)}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  const copy = make("textarea", { readOnly: true, value: text, id: "answers" });
  return [
    heading("Thank you"),
    paragraph("Save the file with your answers and hand it in."),
    make("p", {}, button),
    make("p", {}, make("label", { htmlFor: "answers", textContent: "Or copy this text into a file:" })),
    copy,
  ];
}

if (typeof document !== "undefined") start();
