//! The names of things: each is parsed once, at the edge, and trusted from there on.

use std::{fmt, sync::Arc};

use uuid::Uuid;

/// The longest id, in bytes: every id fits into a log line and a file name.
const ID_BYTES_MAX: usize = 63;

/// Why a string is not the id it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {shape}; {given:?} is not")]
pub struct BadId {
    /// The thing that the id should have named.
    pub what: &'static str,
    /// How such an id looks.
    pub shape: &'static str,
    /// What was given, shortened to 63 characters.
    pub given: String,
}

impl BadId {
    fn new(what: &'static str, shape: &'static str, given: &str) -> Self {
        Self { what, shape, given: given.chars().take(ID_BYTES_MAX).collect() }
    }
}

const SLUG: &str = "1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or digit";
const CODE: &str = "1 to 63 of a-z, A-Z, 0-9, '.', '_', '+' and '-'";
const CONSTANT: &str = "1 to 63 of A-Z, 0-9 and '_', beginning with a letter";
const PATH: &str = "names of a-z and '_', or places from 0, joined by '/', at most 127 bytes";
const KEY: &str = "a name, 8 hexadecimal digits and base64, joined by '+', at most 4096 bytes";

fn is_slug(given: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = given.as_bytes();
    bytes.len() <= ID_BYTES_MAX
        && bytes.first().copied().is_some_and(inner)
        && bytes.last().copied().is_some_and(inner)
        && bytes.iter().all(|&byte| inner(byte) || byte == b'-')
}

fn is_code(given: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    (1..=ID_BYTES_MAX).contains(&given.len()) && given.bytes().all(allowed)
}

fn is_constant(given: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    given.len() <= ID_BYTES_MAX
        && given.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase())
        && given.bytes().all(allowed)
}

/// The longest path, in bytes: twice as long as any that a record has.
const PATH_BYTES_MAX: usize = 127;

fn is_path(given: &str) -> bool {
    let name = |step: &str| step.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let place = |step: &str| step.bytes().all(|byte| byte.is_ascii_digit());
    let step = |step: &str| !step.is_empty() && (name(step) || place(step));
    given.len() <= PATH_BYTES_MAX && given.split('/').all(step)
}

/// The longest verifier key, in bytes: one of ML-DSA-44 has half of them.
const KEY_BYTES_MAX: usize = 4096;

fn is_verifier_key(given: &str) -> bool {
    let mut parts = given.splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let in_name = |byte: u8| byte.is_ascii_graphic();
    let in_key = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    given.len() <= KEY_BYTES_MAX
        && !name.is_empty()
        && name.bytes().all(in_name)
        && id.len() == 8
        && id.bytes().all(|byte| byte.is_ascii_hexdigit())
        && !key.is_empty()
        && key.bytes().all(in_key)
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $shape:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The only way in.
            ///
            /// # Errors
            /// [`BadId`], which says how such an id looks.
            pub fn parse(given: &str) -> Result<Self, BadId> {
                if $check(given) {
                    Ok(Self(Arc::from(given)))
                } else {
                    Err(BadId::new($what, $shape, given))
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(/// The body judged, for example `leicester-city`. (Spec §2)
    SubjectId, "a subject id", SLUG, is_slug);
name!(/// An area for judgement in a framework, for example `being-healthy`.
    AreaId, "an area id", SLUG, is_slug);
name!(/// A section of the letter: an area, or an ungraded one such as `summary`.
    SectionId, "a section id", SLUG, is_slug);
name!(/// A scale of a framework, for example `apa-1-4`.
    ScaleId, "a scale id", SLUG, is_slug);
name!(/// A level on a scale by its code, for example `3` or `good`.
    LevelCode, "a level code", CODE, is_code);
name!(/// A set of labels for the levels of a scale, for example `service`.
    DescriptorSetId, "a descriptor set id", CODE, is_code);
name!(/// An entry of an assessment, chosen by the client, for example `ev-01`.
    EntryId, "an entry id", SLUG, is_slug);
name!(/// A hold on an assessment, chosen by the client, for example `court-1`.
    HoldId, "a hold id", SLUG, is_slug);
name!(/// A challenge to an assessment, chosen by the client, for example `council-1`.
    ChallengeId, "a challenge id", SLUG, is_slug);
name!(/// An organisation that judges, signs or receives, for example `ofsted`.
    OrganisationId, "an organisation id", SLUG, is_slug);
name!(/// A recipient that the framework's publication rules name, for example `audit-commission`.
    AudienceId, "an audience id", SLUG, is_slug);
name!(/// One year's or round's assessment of a framework, for example `2006`.
    Cycle, "a cycle", SLUG, is_slug);
name!(/// A kind of comparator, for example `similar_areas`.
    ComparatorKind, "a comparator kind", CODE, is_code);
name!(/// What areas of different frameworks have in common, for example `ecm.staying-safe`.
    Concept, "a concept", CODE, is_code);
name!(/// Where a text stands in a record, for example `rationale` or `figures/0/measure`.
    FieldPath, "the path of a field", PATH, is_path);
name!(/// A key that verifies what the ledger signs, as C2SP's signed-note writes it.
    VerifierKey, "a verifier key", KEY, is_verifier_key);
name!(/// Why a grade was set, as the framework lists it, for example `MODERATION`. (Spec §3.1)
    ReasonCode, "a reason code", CONSTANT, is_constant);

/// An immutable version of a framework: `frameworks/apa/versions/2006`, in short `apa/2006`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameworkId {
    family: Arc<str>,
    version: Arc<str>,
}

impl FrameworkId {
    /// The only way in: a family such as `apa` and a version such as `2006`.
    ///
    /// # Errors
    /// [`BadId`] names the part that is wrong.
    pub fn new(family: &str, version: &str) -> Result<Self, BadId> {
        if !is_slug(family) {
            return Err(BadId::new("a framework's family", SLUG, family));
        }
        if !is_slug(version) {
            return Err(BadId::new("a framework's version", SLUG, version));
        }
        Ok(Self { family: Arc::from(family), version: Arc::from(version) })
    }

    /// Parses `frameworks/apa/versions/2006`.
    ///
    /// # Errors
    /// [`BadId`] if the name has another shape.
    pub fn parse(name: &str) -> Result<Self, BadId> {
        let bad = || BadId::new("a framework name", "frameworks/{family}/versions/{version}", name);
        let rest = name.strip_prefix("frameworks/").ok_or_else(bad)?;
        let (family, version) = rest.split_once("/versions/").ok_or_else(bad)?;
        Self::new(family, version).map_err(|_| bad())
    }

    /// What the versions have in common, for example `apa`.
    #[must_use]
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The version, for example `2006`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl fmt::Display for FrameworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frameworks/{}/versions/{}", self.family, self.version)
    }
}

impl SubjectId {
    /// Parses `subjects/leicester-city`.
    ///
    /// # Errors
    /// [`BadId`] if the name has another shape.
    pub fn parse_name(name: &str) -> Result<Self, BadId> {
        name.strip_prefix("subjects/")
            .and_then(|id| Self::parse(id).ok())
            .ok_or_else(|| BadId::new("a subject name", "subjects/{subject}", name))
    }
}

/// One assessment: `subjects/leicester-city/assessments/apa-2006`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssessmentId {
    subject: SubjectId,
    name: Arc<str>,
}

impl AssessmentId {
    /// The only way in: a subject and the name that the client chose for the assessment.
    ///
    /// # Errors
    /// [`BadId`] if the name has another shape.
    pub fn new(subject: SubjectId, name: &str) -> Result<Self, BadId> {
        if is_slug(name) {
            Ok(Self { subject, name: Arc::from(name) })
        } else {
            Err(BadId::new("an assessment id", SLUG, name))
        }
    }

    /// Parses `subjects/leicester-city/assessments/apa-2006`.
    ///
    /// # Errors
    /// [`BadId`] if the name has another shape.
    pub fn parse(name: &str) -> Result<Self, BadId> {
        let shape = "subjects/{subject}/assessments/{assessment}";
        let bad = || BadId::new("an assessment name", shape, name);
        let (subject, id) = name.split_once("/assessments/").ok_or_else(bad)?;
        let subject = SubjectId::parse_name(subject).map_err(|_| bad())?;
        Self::new(subject, id).map_err(|_| bad())
    }

    /// The body judged.
    #[must_use]
    pub fn subject(&self) -> &SubjectId {
        &self.subject
    }

    /// The last part of the name, for example `apa-2006`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for AssessmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subjects/{}/assessments/{}", self.subject, self.name)
    }
}

/// What a record belongs to and where its revisions count. (Spec §2)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// One assessment.
    Assessment(AssessmentId),
    /// One version of a framework.
    Framework(FrameworkId),
    /// One subject.
    Subject(SubjectId),
    /// The ledger itself: its directory of persons, its keys.
    Ledger,
}

impl StreamId {
    /// Parses the resource name that [`StreamId`] displays.
    ///
    /// # Errors
    /// [`BadId`] if the name has another shape.
    pub fn parse(name: &str) -> Result<Self, BadId> {
        if name == "ledger" {
            Ok(Self::Ledger)
        } else if name.starts_with("frameworks/") {
            FrameworkId::parse(name).map(Self::Framework)
        } else if name.contains("/assessments/") {
            AssessmentId::parse(name).map(Self::Assessment)
        } else {
            SubjectId::parse_name(name).map(Self::Subject)
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assessment(id) => id.fmt(f),
            Self::Framework(id) => id.fmt(f),
            Self::Subject(id) => write!(f, "subjects/{id}"),
            Self::Ledger => f.write_str("ledger"),
        }
    }
}

macro_rules! uuid {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// The id of these bits.
            #[must_use]
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// Parses the hyphenated form.
            ///
            /// # Errors
            /// [`BadId`] if it is no UUID, or the nil one.
            pub fn parse(given: &str) -> Result<Self, BadId> {
                match Uuid::try_parse(given) {
                    Ok(id) if !id.is_nil() => Ok(Self(id)),
                    Ok(_) | Err(_) => Err(BadId::new($what, "a UUID that is not nil", given)),
                }
            }

            /// The bits.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid!(/// A person in the ledger's directory: opaque, since the name behind it can be erased.
    PersonId, "a person id");
uuid!(/// One request of one person: the key of idempotency. (Spec §4.3)
    RequestId, "a request id");
uuid!(/// One record, UUIDv7.
    RecordId, "a record id");

/// A short label of registered reference data: structural, never erased. (Spec §2)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(Arc<str>);

impl Label {
    /// The longest label, in bytes.
    pub const BYTES_MAX: usize = 200;

    /// The only way in: 1 to 200 bytes without control characters.
    ///
    /// # Errors
    /// [`BadId`] if it is empty, too long or holds a control character.
    pub fn parse(given: &str) -> Result<Self, BadId> {
        let fits = (1..=Self::BYTES_MAX).contains(&given.len());
        if fits && !given.chars().any(char::is_control) {
            Ok(Self(Arc::from(given)))
        } else {
            let shape = "1 to 200 bytes without control characters";
            Err(BadId::new("a label", shape, given))
        }
    }

    /// The label as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A decimal number as stated: never rounded, never a float.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(Arc<str>);

impl Decimal {
    /// The only way in: an optional sign, digits, at most one point with digits on both sides.
    ///
    /// # Errors
    /// [`BadId`] if it is anything else or has more than 40 characters.
    pub fn parse(given: &str) -> Result<Self, BadId> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let unsigned = given.strip_prefix('-').unwrap_or(given);
        let good = match unsigned.split_once('.') {
            Some((whole, fraction)) => digits(whole) && digits(fraction),
            None => digits(unsigned),
        };
        if good && given.len() <= 40 {
            Ok(Self(Arc::from(given)))
        } else {
            Err(BadId::new(
                "a decimal",
                "digits with an optional sign and point, at most 40",
                given,
            ))
        }
    }

    /// The number as stated.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            "ledger",
            "subjects/leicester-city",
            "subjects/leicester-city/assessments/apa-2006",
            "frameworks/apa/versions/2006",
        ] {
            assert_eq!(StreamId::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_shape_it_should_have() {
        for bad in
            ["", "Ledger", "subjects/", "subjects/-a", "frameworks/apa", "subjects/a/assessments/"]
        {
            assert!(StreamId::parse(bad).is_err(), "{bad}");
        }
        let error = AreaId::parse("Being Healthy").unwrap_err().to_string();
        assert_eq!(
            error,
            "an area id is 1 to 63 of a-z, 0-9 and '-', beginning and ending with a letter or \
             digit; \"Being Healthy\" is not"
        );
    }

    #[test]
    fn a_path_has_names_and_places() {
        for good in ["rationale", "figures/0/measure", "decided_by/panel/name"] {
            assert_eq!(FieldPath::parse(good).unwrap().as_str(), good);
        }
        let long = "a/".repeat(64) + "a";
        for bad in ["", "/", "rationale/", "Rationale", "a child", "figures/0a", &long] {
            assert!(FieldPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_verifier_key_is_that_of_a_signed_note() {
        let good = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        assert_eq!(VerifierKey::parse(good).unwrap().as_str(), good);
        for bad in ["", "a+530d903a", "a+530d903+Aeky", "a b+530d903a+Aeky", "+530d903a+Aeky"] {
            assert!(VerifierKey::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_decimal_is_kept_as_stated() {
        for good in ["36.5", "-50", "0", "0.50"] {
            assert_eq!(Decimal::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-", "1.", ".5", "1e3", "1,5", "½"] {
            assert!(Decimal::parse(bad).is_err(), "{bad}");
        }
    }
}
