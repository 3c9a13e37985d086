"use strict";

// The pages without a question.

function introduction(study, session) {
  const pair = ["Before", "After"].map((name) =>
    make(
      "figure",
      {},
      medium(study.example[name.toLowerCase()], name + " grading"),
      make("figcaption", { textContent: name })
    )
  );
  return [
    heading("What color grading is"),
    paragraph(
      "Color grading changes the colors of a film after it was shot. Technically it balances exposure, contrast and " +
        "color, so that shots belong together. Artistically it tells part of the story: a mood, a place, a time, how " +
        "a scene should feel. A warm and bright scene and a cold and pale one may be the same shot."
    ),
    paragraph("Here is a picture before and after a grade:"),
    make("div", { className: "pair" }, ...pair),
    paragraph(
      "You will see videos that several methods graded, and be asked about them. Use a screen of good colors, at full " +
        "brightness, in a room that is not too bright. Nothing is sent anywhere: at the end you save a file with your " +
        "answers and hand it in. " +
        (session.kept
          ? "If you close the page, it goes on where you were."
          : "This browser keeps nothing of a page that is closed: leave it open until you are done.")
    ),
  ];
}

function partIntroduction(page, study) {
  const texts = {
    artifact: [
      "Artifacts",
      "Select all videos that have artifacts, such as blur, colors that bleed beyond edges, blocks, banding or " +
        "flicker. Whether you like the colors does not matter here. There may be several such videos, or none.",
      "Click a video, or press its letter, to select it.",
    ],
    mood: [
      "Mood",
      `First look at a reference frame for ${study.seconds} seconds, and take in its mood, its emotion and what its ` +
        "colorist may have intended. Then rank the videos by how well each conveys them: 1 matches best.",
      "Click the videos, or press their letters, in your order; again takes a rank away.",
    ],
    intent: [
      "Intent",
      "You will see a reference frame again, with a description of what its colorist intended. Rank the videos by how " +
        "well each matches the description: 1 matches best.",
      "Click the videos, or press their letters, in your order; again takes a rank away.",
    ],
  };
  const [title, text, how] = texts[page.part];
  return [
    heading(`Part ${PARTS.indexOf(page.part) + 1}: ${title}`),
    paragraph(text),
    paragraph(how + " The space bar pauses and plays; Enter goes on."),
    paragraph(page.count === 1 ? "One question." : `${page.count} questions.`),
  ];
}

function ending(study, session) {
  const answers = exported(study, session, new Date().toISOString());
  const text = JSON.stringify(answers, null, 1) + "\n";
  const name = `answers-${answers.participant.slice(0, 8)}.json`;
  const told = make("p", {});
  told.setAttribute("role", "status");
  const saving = button("Save my answers", () => {
    const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
    told.replaceChildren(`Saved as ${name}, where your browser puts its downloads. `, another);
  });
  const another = button("Begin anew, for another participant", () => {
    localStorage.removeItem("study " + study.study);
    location.reload();
  });
  const copy = make("textarea", { readOnly: true, value: text, id: "answers" });
  return [
    heading("Thank you"),
    paragraph("Save the file with your answers and hand it in."),
    make("p", {}, saving),
    told,
    make("p", {}, make("label", { htmlFor: "answers", textContent: "Or copy this text into a file:" })),
    copy,
  ];
}
