// A history like that of a council whose grades were lowered within days, entered from its sources years
// later (specification, scenario 21). All of it is invented but its shape.

const NAME = "subjects/haringey/assessments/apa-2008";
const BEFORE = "subjects/haringey/assessments/apa-2007";

const in2008 = (month, day) => ({ year: 2008, month, day });
const december = (day) => in2008(12, day);

// What was decided on a day, as a source has it.
const read = (day, source, more = {}) => ({
  decidedOn: day,
  effectiveOn: day,
  rationale: "[invented] as the source has it",
  transcription: { source: `[invented] ${source}` },
  ...more,
});

const open = (assessment, year, act) => ({
  command: {
    openAssessment: {
      assessment,
      framework: `frameworks/apa/versions/${year}`,
      cycle: year,
      addressee: { name: { present: "The director of children's services" } },
      act,
    },
  },
});

const grade = (assessment, area, level, act) => ({
  command: { setGrade: { assessment, area, grade: { level }, expected: { any: true }, act } },
});

const entry = (verb, entryId, section, text, act, more = {}) => ({
  command: {
    [verb]: {
      assessment: NAME,
      entryId,
      content: { kind: "ENTRY_KIND_EVIDENCE", section, area: section, text: { present: text } },
      act,
      ...more,
    },
  },
});

const panel = {
  decidedBy: {
    panel: {
      displayName: "consistency panel",
      members: [{ person: "a director" }, { person: "a reviewer" }],
      meeting: december(8),
      minutes: "disclosed in 2010",
    },
  },
  instructedBy: { person: "the chief inspector" },
  basis: "BASIS_SAME_EVIDENCE",
  reason: "MODERATION",
  rationale: "[invented] the evidence of the joint area review was weighed again",
  evidence: [{ entry: "joint-area-review" }],
};

const initial = { reason: "INITIAL" };

/** The steps of it, as `import` reads them: those without a credential are a records officer's. */
export const history = {
  steps: [
    {
      credential: "admin",
      registerSubject: {
        subject: "subjects/haringey",
        displayName: "London Borough of Haringey",
        kind: "local authority",
      },
    },
    open(BEFORE, "2007", read({ year: 2007, month: 11, day: 1 }, "the letter of 2007")),
    ...["childrens-services", "staying-safe"].map((area) =>
      grade(BEFORE, area, "3", read({ year: 2007, month: 11, day: 1 }, "the letter of 2007", initial)),
    ),
    open(NAME, "2008", read(december(1), "the letter of instruction")),
    entry(
      "recordEntry",
      "joint-area-review",
      "staying-safe",
      "[invented] Children are kept safe by most services.",
      read(december(2), "the report of the joint area review"),
    ),
    ...["childrens-services", "staying-safe"].map((area) =>
      grade(NAME, area, "3", read(december(3), "the draft letter, as produced in court", initial)),
    ),
    {
      command: {
        shareDraft: {
          assessment: NAME,
          recipient: "the director of children's services",
          audience: "addressee",
          act: read(december(5), "the covering message of 5 December"),
        },
      },
    },
    entry(
      "reviseEntry",
      "joint-area-review",
      "staying-safe",
      "[invented] Children are kept safe by few services.",
      read(december(6), "the second report of the joint area review"),
      { expected: { any: true } },
    ),
    ...["childrens-services", "staying-safe"].map((area) =>
      grade(NAME, area, "1", read(december(8), "the minutes of the panel", panel)),
    ),
  ],
};

/** One more grade, of an area that has none. */
export const later = (area) => ({
  steps: [grade(NAME, area, "2", read(december(9), "the last page of the letter", initial))],
});
