//! Who acts: the caller as the credential says, and the decider as stated.

use jiff::civil::Date;

use super::{OrganisationId, PersonId};

/// What a login may do. (Spec §6)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Grades and writes.
    Inspector,
    /// Opens, locks and answers for an assessment.
    LeadInspector,
    /// Sets grades for reasons of moderation.
    Moderator,
    /// Signs for one organisation.
    Signatory,
    /// Publishes, amends and withdraws.
    Publisher,
    /// Corrects records, redacts texts, transcribes history.
    RecordsOfficer,
    /// Registers frameworks and subjects.
    FrameworkAdmin,
    /// Reads all, writes nothing.
    Auditor,
    /// Reads what is published and its own feeds.
    Consumer,
    /// The ledger itself: its built-in frameworks and its directory. No credential carries it.
    Service,
}

impl Role {
    /// Every role, in the order of Spec §6.
    pub const ALL: [Self; 10] = [
        Self::Inspector,
        Self::LeadInspector,
        Self::Moderator,
        Self::Signatory,
        Self::Publisher,
        Self::RecordsOfficer,
        Self::FrameworkAdmin,
        Self::Auditor,
        Self::Consumer,
        Self::Service,
    ];

    /// The role as credentials, tables and logs write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inspector => "inspector",
            Self::LeadInspector => "lead-inspector",
            Self::Moderator => "moderator",
            Self::Signatory => "signatory",
            Self::Publisher => "publisher",
            Self::RecordsOfficer => "records-officer",
            Self::FrameworkAdmin => "framework-admin",
            Self::Auditor => "auditor",
            Self::Consumer => "consumer",
            Self::Service => "service",
        }
    }

    /// Whether it causes events. (Spec §6)
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Inspector
            | Self::LeadInspector
            | Self::Moderator
            | Self::Signatory
            | Self::Publisher
            | Self::RecordsOfficer
            | Self::FrameworkAdmin
            | Self::Service => true,
            Self::Auditor | Self::Consumer => false,
        }
    }

    /// The role that is written so.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == written)
    }
}

/// Who sent a command, as the credential says: never as the request says. (Spec §2)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person behind the login.
    pub person: PersonId,
    /// The organisation that the login belongs to.
    pub organisation: OrganisationId,
    /// What the login may do.
    pub roles: Vec<Role>,
}

impl Caller {
    /// Whether the caller has this role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// The login that recorded something, in the role that allowed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorder {
    /// The person behind the login.
    pub person: PersonId,
    /// The role that allowed it.
    pub role: Role,
    /// The organisation of the login.
    pub organisation: OrganisationId,
}

/// The person or panel that decided, as stated. (Spec §2)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider<T> {
    /// One person, or several together.
    pub who: Deciding<T>,
    /// In which role they decided, if stated.
    pub role: Option<Role>,
    /// For which organisation.
    pub organisation: OrganisationId,
}

/// One person or a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deciding<T> {
    /// One person.
    Person(PersonId),
    /// A panel.
    Panel(Panel<T>),
}

/// Persons who decide together in a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel<T> {
    /// What the panel calls itself.
    pub name: T,
    /// Who sat on it; may be unknown in transcribed history.
    pub members: Vec<PersonId>,
    /// The day of the meeting.
    pub meeting: Option<Date>,
    /// Where its minutes are found.
    pub minutes: Option<T>,
}

impl<T> Decider<T> {
    /// Every person who decided: the one, or the panel's members.
    #[must_use]
    pub fn persons(&self) -> &[PersonId] {
        match &self.who {
            Deciding::Person(person) => std::slice::from_ref(person),
            Deciding::Panel(panel) => &panel.members,
        }
    }
}
