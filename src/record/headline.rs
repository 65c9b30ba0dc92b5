//! What a record is filed under, read from its bytes without decoding it.

use super::wire::{Fields, NoMessage, Value};

/// The numbers of the fields of `Record` and of the messages in it that a headline needs.
mod number {
    pub(super) const STREAM: u32 = 1;
    pub(super) const RECORDED_BY: u32 = 8;
    pub(super) const RECORDER_PERSON: u32 = 1;
    pub(super) const REQUEST_ID: u32 = 9;
    /// Every event ever has an arm from here on; provenance stays below.
    pub(super) const FIRST_EVENT: u32 = 32;
    pub(super) const PERSON_REGISTERED: u32 = 32;
    pub(super) const FRAMEWORK_REGISTERED: u32 = 33;
    pub(super) const ASSESSMENT_OPENED: u32 = 35;
    pub(super) const KEY_ROTATED: u32 = 57;
    pub(super) const OPENED_FRAMEWORK: u32 = 1;
    pub(super) const OPENED_CYCLE: u32 = 2;
    pub(super) const REDACTION_REQUESTED: u32 = 53;
    pub(super) const TEXT_REDACTED: u32 = 54;
    pub(super) const REDACTION_REFUSED: u32 = 55;
    pub(super) const REDACTION_COMPLETED: u32 = 56;
    pub(super) const ACCESS_RECORDED: u32 = 58;
    pub(super) const TAKEN_OF: u32 = 2;

    /// Where the events of a redaction say which record has the text, and where in it.
    pub(super) const fn redacted_in(arm: u32) -> Option<(u32, u32)> {
        match arm {
            REDACTION_REQUESTED => Some((1, 3)),
            TEXT_REDACTED => Some((2, 5)),
            REDACTION_REFUSED | REDACTION_COMPLETED => Some((2, 3)),
            _ => None,
        }
    }
}

/// What is needed to find a record again: cheap to read, and from newer records too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headline<'a> {
    /// The resource name of the stream.
    pub stream: &'a str,
    /// Who recorded it: the bits of a `PersonId`.
    pub person: [u8; 16],
    /// The request that caused it: the bits of a `RequestId`.
    pub request: [u8; 16],
    /// The number of the event's arm.
    pub event: u32,
    /// What was opened, if an assessment was.
    pub opened: Option<Opened<'a>>,
    /// Whose redaction it is a record of, if it is one.
    pub redacted: Option<Redacted<'a>>,
    /// Of what stream evidence was taken out, if that was recorded: empty for the whole ledger.
    pub taken_of: Option<&'a str>,
}

/// The text that a redaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redacted<'a> {
    /// The position of the record that has it.
    pub position: u64,
    /// The path of its field.
    pub field: &'a str,
}

/// What no two assessments have in common. (Spec §4)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened<'a> {
    /// The subject's resource name, which the stream begins with.
    pub subject: &'a str,
    /// The framework's resource name.
    pub framework: &'a str,
    /// Which round of that framework.
    pub cycle: &'a str,
}

impl<'a> Headline<'a> {
    /// Whether a person or a framework was registered, which commands are decided with.
    #[must_use]
    pub fn registers(&self) -> bool {
        matches!(self.event, number::PERSON_REGISTERED | number::FRAMEWORK_REGISTERED)
    }

    /// Whether the erasure of a text was ordered, or its key destroyed.
    #[must_use]
    pub fn erases(&self) -> bool {
        matches!(self.event, number::TEXT_REDACTED | number::REDACTION_COMPLETED)
    }

    /// Whether it tells of a key that the ledger signs with.
    #[must_use]
    pub fn rotates(&self) -> bool {
        self.event == number::KEY_ROTATED
    }

    /// The headline of a record; `None` if the bytes are no record of this or a newer ledger.
    #[must_use]
    pub fn of(record: &'a [u8]) -> Option<Self> {
        Self::read(record).ok().flatten()
    }

    fn read(record: &'a [u8]) -> Result<Option<Self>, NoMessage> {
        let (mut stream, mut person, mut request) = (None, None, None);
        let (mut event, mut names) = (None, None);
        let (mut redacted, mut taken_of) = (None, None);
        for field in Fields::of(record) {
            match field? {
                (number::STREAM, Value::Bytes(bytes)) => stream = Some(text(bytes)?),
                (number::RECORDED_BY, Value::Bytes(bytes)) => person = Some(person_of(bytes)?),
                (number::REQUEST_ID, Value::Bytes(bytes)) => request = Some(id(bytes)?),
                (arm @ number::ASSESSMENT_OPENED, Value::Bytes(bytes)) => {
                    (event, names) = (Some(arm), Some(names_of(bytes)?));
                }
                (arm @ number::ACCESS_RECORDED, Value::Bytes(bytes)) => {
                    (event, taken_of) = (Some(arm), Some(taken_of_in(bytes)?));
                }
                (arm @ number::FIRST_EVENT.., Value::Bytes(bytes)) => {
                    event = Some(arm);
                    let fields = number::redacted_in(arm);
                    redacted = fields.map(|fields| redacted_of(bytes, fields)).transpose()?;
                }
                _ => {}
            }
        }
        let (Some(stream), Some(person), Some(request), Some(event)) =
            (stream, person, request, event)
        else {
            return Ok(None);
        };
        let subject = stream.split_once("/assessments/").map(|(subject, _)| subject);
        let opened = names.zip(subject).map(|((framework, cycle), subject)| Opened {
            subject,
            framework,
            cycle,
        });
        Ok(Some(Self { stream, person, request, event, opened, redacted, taken_of }))
    }
}

fn text(bytes: &[u8]) -> Result<&str, NoMessage> {
    str::from_utf8(bytes).map_err(|_| NoMessage)
}

fn id(bytes: &[u8]) -> Result<[u8; 16], NoMessage> {
    bytes.try_into().map_err(|_| NoMessage)
}

fn person_of(recorder: &[u8]) -> Result<[u8; 16], NoMessage> {
    for field in Fields::of(recorder) {
        if let (number::RECORDER_PERSON, Value::Bytes(bytes)) = field? {
            return id(bytes);
        }
    }
    Err(NoMessage)
}

/// Of what stream evidence was taken out.
fn taken_of_in(arm: &[u8]) -> Result<&str, NoMessage> {
    for field in Fields::of(arm) {
        if let (number::TAKEN_OF, Value::Bytes(bytes)) = field? {
            return text(bytes);
        }
    }
    Ok("")
}

/// The record and the field of a redaction; an arm that lacks one is malformed.
fn redacted_of(arm: &[u8], numbers: (u32, u32)) -> Result<Redacted<'_>, NoMessage> {
    let (mut position, mut field) = (None, None);
    for read in Fields::of(arm) {
        match read? {
            (number, Value::Varint(at)) if number == numbers.0 => position = Some(at),
            (number, Value::Bytes(path)) if number == numbers.1 => field = Some(text(path)?),
            _ => {}
        }
    }
    let (position, field) = position.zip(field).ok_or(NoMessage)?;
    Ok(Redacted { position, field })
}

/// Framework and cycle; an arm that lacks one is malformed.
fn names_of(opened: &[u8]) -> Result<(&str, &str), NoMessage> {
    let (mut framework, mut cycle) = (None, None);
    for field in Fields::of(opened) {
        match field? {
            (number::OPENED_FRAMEWORK, Value::Bytes(bytes)) => framework = Some(text(bytes)?),
            (number::OPENED_CYCLE, Value::Bytes(bytes)) => cycle = Some(text(bytes)?),
            _ => {}
        }
    }
    framework.zip(cycle).ok_or(NoMessage)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{
        judgement::Event,
        pb,
        record::samples::{any_sample, bare_frame, bytes_of},
    };

    proptest! {
        #[test]
        fn a_headline_says_what_the_record_says(sample in any_sample()) {
            let (record, bytes) = (&sample.record, bytes_of(&sample.record));
            let headline = Headline::of(&bytes).unwrap();
            prop_assert_eq!(headline.stream, record.stream.to_string());
            prop_assert_eq!(headline.person, *record.recorded_by.person.uuid().as_bytes());
            prop_assert_eq!(headline.request, *record.act.request.uuid().as_bytes());
            let opens = matches!(record.event, Event::AssessmentOpened(_));
            prop_assert_eq!(headline.event == number::ASSESSMENT_OPENED, opens);
            let name = record.event.name();
            let registers = ["PersonRegistered", "FrameworkRegistered"].contains(&name);
            prop_assert_eq!(headline.registers(), registers);
            let redacted = record.event.redacts();
            prop_assert_eq!(
                headline.redacted.map(|it| (it.position, it.field.to_owned())),
                redacted.map(|(at, field)| (at.get(), field.to_string()))
            );
            let erases = ["TextRedacted", "RedactionCompleted"].contains(&name);
            prop_assert_eq!(headline.erases(), erases);
            prop_assert_eq!(headline.rotates(), name == "KeyRotated");
            if let (Event::AssessmentOpened(opened), Some(said)) =
                (&record.event, headline.opened)
            {
                prop_assert_eq!(said.framework, opened.framework.to_string());
                prop_assert_eq!(said.cycle, opened.cycle.as_str());
                prop_assert!(headline.stream.starts_with(said.subject));
            }
        }

        #[test]
        fn any_bytes_have_a_headline_or_none(bytes in any::<Vec<u8>>()) {
            let past = |headline: Headline<'_>| headline.event >= number::FIRST_EVENT;
            prop_assert!(Headline::of(&bytes).is_none_or(past));
        }
    }

    #[test]
    fn a_newer_record_has_a_headline() {
        let mut message = pb::Record::decode(bytes_of(&bare_frame())).unwrap();
        message.event = None;
        let newer = [message.encode_to_vec(), vec![0x9a, 0x06, 0x01, 0x00]].concat();
        let headline = Headline::of(&newer).unwrap();
        assert_eq!((headline.event, headline.opened), (99, None));
        assert_eq!(headline.stream, "subjects/leicester-city/assessments/apa-2006");
    }

    #[test]
    fn what_lacks_its_event_or_its_end_has_no_headline() {
        let bytes = bytes_of(&bare_frame());
        assert_eq!(Headline::of(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Headline::of(b""), None);
        assert_eq!(Headline::of(&bytes[..40]), None);
    }
}
