//! The way from a fact with its texts in it to one without, and back.
//!
//! Every text of an act or event stands at a *field*, a path such as `figures/0/measure`. The
//! paths are part of each commitment (see `record::Commitment`): once written, a path never
//! changes.

use super::{
    Act, Addressee, AddresseeSet, AssessmentOpened, Award, Citation, Comparator, Decider, Deciding,
    EntryContent, EntryKind, EntryRecorded, EntryRevised, Event, Figure, FigureValue, FollowUp,
    GradeSet, Origin, Panel, PersonRegistered, Signature, SignedOff,
};

/// What every text passes through: the path of its field, and the text.
pub type Visit<'v, T, U, E> = &'v mut dyn FnMut(&str, T) -> Result<U, E>;

/// A shape that holds texts as `T` and can hold them as something else.
pub trait Texts<T> {
    /// The same shape, holding its texts as `U`.
    type With<U>;

    /// Passes every text through `visit`, always in the same order; `at` is the path of this
    /// shape, empty at the root.
    ///
    /// # Errors
    /// The first error of `visit`.
    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Self::With<U>, E>;
}

pub(super) fn under(at: &str, field: &str) -> String {
    if at.is_empty() { field.to_owned() } else { format!("{at}/{field}") }
}

/// A single text, at its own path.
pub(super) fn one<T, U, E>(
    text: T,
    at: &str,
    field: &str,
    visit: Visit<'_, T, U, E>,
) -> Result<U, E> {
    if at.is_empty() { visit(field, text) } else { visit(&under(at, field), text) }
}

pub(super) fn maybe<T, U, E>(
    text: Option<T>,
    at: &str,
    field: &str,
    visit: Visit<'_, T, U, E>,
) -> Result<Option<U>, E> {
    text.map(|text| one(text, at, field, visit)).transpose()
}

/// Several texts, each at `field/0`, `field/1` …
fn many<T, U, E>(
    texts: Vec<T>,
    at: &str,
    field: &str,
    visit: Visit<'_, T, U, E>,
) -> Result<Vec<U>, E> {
    let number = |(index, text)| one(text, &under(at, field), &format!("{index}"), visit);
    texts.into_iter().enumerate().map(number).collect()
}

/// Several shapes, each under `field/0`, `field/1` …
pub(super) fn each<T, S: Texts<T>, U, E>(
    shapes: Vec<S>,
    at: &str,
    field: &str,
    visit: Visit<'_, T, U, E>,
) -> Result<Vec<S::With<U>>, E> {
    let mut mapped = Vec::with_capacity(shapes.len());
    for (index, shape) in shapes.into_iter().enumerate() {
        mapped.push(shape.map_texts(&under(at, &format!("{field}/{index}")), visit)?);
    }
    Ok(mapped)
}

pub(super) fn inner<T, S: Texts<T>, U, E>(
    shape: Option<S>,
    at: &str,
    field: &str,
    visit: Visit<'_, T, U, E>,
) -> Result<Option<S::With<U>>, E> {
    shape.map(|shape| shape.map_texts(&under(at, field), visit)).transpose()
}

impl<T> Texts<T> for Act<T> {
    type With<U> = Act<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Act<U>, E> {
        Ok(Act {
            request: self.request,
            decided_by: inner(self.decided_by, at, "decided_by", visit)?,
            decided_on: self.decided_on,
            effective_on: self.effective_on,
            basis: self.basis,
            instructed_by: inner(self.instructed_by, at, "instructed_by", visit)?,
            reason: self.reason,
            rationale: maybe(self.rationale, at, "rationale", visit)?,
            evidence: self.evidence,
            origin: match self.origin {
                Origin::Witnessed => Origin::Witnessed,
                Origin::Transcribed { source, sha256 } => {
                    Origin::Transcribed { source: one(source, at, "origin/source", visit)?, sha256 }
                }
            },
        })
    }
}

impl<T> Texts<T> for Decider<T> {
    type With<U> = Decider<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Decider<U>, E> {
        Ok(Decider {
            who: match self.who {
                Deciding::Person(person) => Deciding::Person(person),
                Deciding::Panel(panel) => Deciding::Panel(Panel {
                    name: one(panel.name, at, "panel/name", visit)?,
                    members: panel.members,
                    meeting: panel.meeting,
                    minutes: maybe(panel.minutes, at, "panel/minutes", visit)?,
                }),
            },
            role: self.role,
            organisation: self.organisation,
        })
    }
}

impl<T> Texts<T> for Addressee<T> {
    type With<U> = Addressee<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Addressee<U>, E> {
        Ok(Addressee {
            name: one(self.name, at, "name", visit)?,
            role: maybe(self.role, at, "role", visit)?,
            organisation: maybe(self.organisation, at, "organisation", visit)?,
            lines: many(self.lines, at, "lines", visit)?,
        })
    }
}

impl<T> Texts<T> for Signature<T> {
    type With<U> = Signature<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Signature<U>, E> {
        Ok(Signature {
            name: one(self.name, at, "name", visit)?,
            role: maybe(self.role, at, "role", visit)?,
            organisation: maybe(self.organisation, at, "organisation", visit)?,
            transcribed: maybe(self.transcribed, at, "transcribed", visit)?,
        })
    }
}

impl<T> Texts<T> for FigureValue<T> {
    type With<U> = FigureValue<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<FigureValue<U>, E> {
        Ok(match self {
            Self::Decimal(number) => FigureValue::Decimal(number),
            Self::Date(date) => FigureValue::Date(date),
            Self::Words(words) => FigureValue::Words(one(words, at, "value", visit)?),
            Self::NotStated => FigureValue::NotStated,
        })
    }
}

impl<T> Texts<T> for Comparator<T> {
    type With<U> = Comparator<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Comparator<U>, E> {
        Ok(Comparator {
            kind: self.kind,
            name: maybe(self.name, at, "name", visit)?,
            relation: maybe(self.relation, at, "relation", visit)?,
            value: self.value.map_texts(at, visit)?,
            unit: maybe(self.unit, at, "unit", visit)?,
            period: maybe(self.period, at, "period", visit)?,
            due: self.due,
        })
    }
}

impl<T> Texts<T> for Figure<T> {
    type With<U> = Figure<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Figure<U>, E> {
        Ok(Figure {
            measure: one(self.measure, at, "measure", visit)?,
            group: maybe(self.group, at, "group", visit)?,
            value: self.value.map_texts(at, visit)?,
            unit: maybe(self.unit, at, "unit", visit)?,
            qualifier: maybe(self.qualifier, at, "qualifier", visit)?,
            period: maybe(self.period, at, "period", visit)?,
            trend: maybe(self.trend, at, "trend", visit)?,
            comparators: each(self.comparators, at, "comparators", visit)?,
        })
    }
}

impl<T> Texts<T> for FollowUp<T> {
    type With<U> = FollowUp<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<FollowUp<U>, E> {
        Ok(FollowUp {
            cited: Citation {
                assessment: self.cited.assessment,
                item: self.cited.item,
                label: maybe(self.cited.label, at, "label", visit)?,
                kind: maybe(self.cited.kind, at, "kind", visit)?,
                words: maybe(self.cited.words, at, "words", visit)?,
            },
            status: self.status,
            carried_to: self.carried_to,
        })
    }
}

impl<T> Texts<T> for EntryContent<T> {
    type With<U> = EntryContent<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<EntryContent<U>, E> {
        Ok(EntryContent {
            kind: match self.kind {
                EntryKind::Narrative => EntryKind::Narrative,
                EntryKind::Strength => EntryKind::Strength,
                EntryKind::AreaForImprovement => EntryKind::AreaForImprovement,
                EntryKind::AspectForFocus => EntryKind::AspectForFocus,
                EntryKind::Evidence => EntryKind::Evidence,
                EntryKind::FollowUp(follow_up) => {
                    EntryKind::FollowUp(follow_up.map_texts(&under(at, "follow_up"), visit)?)
                }
                EntryKind::LetterPart(part) => EntryKind::LetterPart(part),
                EntryKind::TranscriptionNote => EntryKind::TranscriptionNote,
                EntryKind::Tension => EntryKind::Tension,
            },
            section: self.section,
            area: self.area,
            order: self.order,
            text: maybe(self.text, at, "text", visit)?,
            quote: maybe(self.quote, at, "quote", visit)?,
            figures: each(self.figures, at, "figures", visit)?,
            paragraph: self.paragraph,
            source: maybe(self.source, at, "source", visit)?,
            relates_to: self.relates_to,
        })
    }
}

impl<T> Texts<T> for Event<T> {
    type With<U> = Event<U>;

    fn map_texts<U, E>(self, at: &str, visit: Visit<'_, T, U, E>) -> Result<Event<U>, E> {
        Ok(match self {
            Self::PersonRegistered(event) => Event::PersonRegistered(PersonRegistered {
                person: event.person,
                organisation: event.organisation,
                name: one(event.name, at, "name", visit)?,
            }),
            Self::FrameworkRegistered(event) => Event::FrameworkRegistered(event),
            Self::SubjectRegistered(event) => Event::SubjectRegistered(event),
            Self::AssessmentOpened(event) => Event::AssessmentOpened(AssessmentOpened {
                framework: event.framework,
                cycle: event.cycle,
                periods: event.periods,
                addressee: inner(event.addressee, at, "addressee", visit)?,
                earlier: event.earlier,
            }),
            Self::AddresseeSet(event) => Event::AddresseeSet(AddresseeSet {
                addressee: event.addressee.map_texts(&under(at, "addressee"), visit)?,
            }),
            Self::GradeSet(event) => Event::GradeSet(GradeSet {
                area: event.area,
                award: Award {
                    standing: event.award.standing,
                    qualifier: maybe(event.award.qualifier, at, "qualifier", visit)?,
                },
                change: event.change,
                before: event.before,
            }),
            Self::EntryRecorded(event) => Event::EntryRecorded(EntryRecorded {
                entry: event.entry,
                content: event.content.map_texts(at, visit)?,
            }),
            Self::EntryRevised(event) => Event::EntryRevised(EntryRevised {
                entry: event.entry,
                content: event.content.map(|it| it.map_texts(at, visit)).transpose()?,
            }),
            Self::AssessmentLocked(event) => Event::AssessmentLocked(event),
            Self::SignedOff(event) => Event::SignedOff(SignedOff {
                organisation: event.organisation,
                edition: event.edition,
                digest: event.digest,
                signature: event.signature.map_texts(&under(at, "signature"), visit)?,
            }),
            Self::AssessmentPublished(event) => Event::AssessmentPublished(event),
            Self::SignOffRefused(event) => Event::SignOffRefused(event.map_texts(at, visit)?),
            Self::AssessmentReopened(event) => {
                Event::AssessmentReopened(event.map_texts(at, visit)?)
            }
            Self::AssessmentWithdrawn(event) => Event::AssessmentWithdrawn(event),
            Self::HoldPlaced(event) => Event::HoldPlaced(event),
            Self::HoldReleased(event) => Event::HoldReleased(event),
            Self::ChallengeReceived(event) => Event::ChallengeReceived(event.map_texts(at, visit)?),
            Self::ChallengeDecided(event) => Event::ChallengeDecided(event.map_texts(at, visit)?),
            Self::DraftShared(event) => Event::DraftShared(event.map_texts(at, visit)?),
            Self::RecordCorrected(event) => Event::RecordCorrected(event.map_texts(at, visit)?),
            Self::SubjectRenamed(event) => Event::SubjectRenamed(event),
            Self::RedactionRequested(event) => {
                Event::RedactionRequested(event.map_texts(at, visit)?)
            }
            Self::TextRedacted(event) => Event::TextRedacted(event),
            Self::RedactionRefused(event) => Event::RedactionRefused(event.map_texts(at, visit)?),
            Self::RedactionCompleted(event) => Event::RedactionCompleted(event),
            Self::KeyRotated(event) => Event::KeyRotated(event),
            Self::AccessRecorded(event) => Event::AccessRecorded(event.map_texts(at, visit)?),
        })
    }
}
