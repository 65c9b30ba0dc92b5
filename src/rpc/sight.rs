//! What a caller may see: decided by the credential, never by the request. **The audience rule of
//! the specification (§5.3) stands here and nowhere else.**
//!
//! Working views and the audit trail need the auditor or a role in an organisation that judges.
//! Everybody else is a [`Recipient`] and sees what is published, and of that only what the
//! framework shows to one of the recipient's audiences. **Default deny: a hidden area is absent,
//! never blank.**
//!
//! | a recipient that is | belongs to the audiences |
//! |---|---|
//! | an organisation | of its own id; `public` |
//! | the organisation of the subject's id | also `addressee`, for the assessments of that subject |
//!
//! `addressee` and `public` are no organisations: a credential of such an organisation belongs to
//! `public` alone.

use std::fmt;

use tonic::Status;

use super::{
    asked::Asked,
    caller::Identity,
    status::{Problem, Reason},
};
use crate::judgement::{
    ADDRESSEE, Area, AudienceId, Feed, Framework, OrganisationId, PUBLIC, Role, SubjectId,
};

/// The roles that see all: the auditor, and every role that writes. (Spec §5.3, §6)
const SEE_ALL: [Role; 8] = [
    Role::Auditor,
    Role::Inspector,
    Role::LeadInspector,
    Role::Moderator,
    Role::Signatory,
    Role::Publisher,
    Role::RecordsOfficer,
    Role::FrameworkAdmin,
];

/// The roles that may ask what somebody else sees. (Spec §5.3)
const SEE_FOR_OTHERS: [Role; 2] = [Role::Auditor, Role::Publisher];

/// What a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    /// All that was recorded.
    All,
    /// What is published and shown to this recipient.
    Published(Recipient),
}

/// Who gets what is published.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Recipient {
    /// An organisation.
    Organisation(OrganisationId),
    /// The body judged, whichever it is.
    Addressee,
    /// Nobody in particular.
    Public,
}

impl Recipient {
    /// The recipient whose credential is of this organisation. The audiences that are no
    /// organisations cannot be taken by calling oneself so.
    fn of(organisation: &OrganisationId) -> Self {
        match organisation.as_str() {
            ADDRESSEE | PUBLIC => Self::Public,
            _ => Self::Organisation(organisation.clone()),
        }
    }

    /// As whom something was shown to an audience.
    pub(crate) fn of_audience(audience: &AudienceId) -> Option<Self> {
        OrganisationId::parse(audience.as_str()).ok().map(Self::named)
    }

    /// The recipient that a request names: an organisation, or an audience that is none.
    fn named(organisation: OrganisationId) -> Self {
        match organisation.as_str() {
            ADDRESSEE => Self::Addressee,
            PUBLIC => Self::Public,
            _ => Self::Organisation(organisation),
        }
    }

    /// Whether it belongs to an audience of the assessments of `subject`.
    pub(crate) fn belongs_to(&self, audience: &AudienceId, subject: &SubjectId) -> bool {
        match (audience.as_str(), self) {
            (PUBLIC, _) | (ADDRESSEE, Self::Addressee) => true,
            (ADDRESSEE, Self::Organisation(own)) => own.as_str() == subject.as_str(),
            (own_id, Self::Organisation(own)) => own.as_str() == own_id,
            (_, Self::Addressee | Self::Public) => false,
        }
    }

    /// Whether the judgement of an area of `subject` is shown to it.
    pub(crate) fn sees(&self, area: &Area, subject: &SubjectId) -> bool {
        area.visible_to.iter().any(|audience| self.belongs_to(audience, subject))
    }

    /// Whether it gets the letters about `subject`, of the areas that it sees.
    pub(crate) fn gets_letter(&self, framework: &Framework, subject: &SubjectId) -> bool {
        framework.letter_to.iter().any(|audience| self.belongs_to(audience, subject))
    }

    /// Whether a feed may be its: whose assessments it takes scores from is told by each.
    pub(crate) fn may_be_fed(&self, feed: &Feed) -> bool {
        match (feed.consumer.as_str(), self) {
            (ADDRESSEE | PUBLIC, _) => true,
            (consumer, Self::Organisation(own)) => own.as_str() == consumer,
            (_, Self::Addressee | Self::Public) => false,
        }
    }

    /// The recipient that a request asks about: the one that it names, else the caller's own
    /// organisation.
    pub(crate) fn take(asked: &mut Asked, who: &Identity, given: &str) -> Option<Self> {
        if given.is_empty() {
            return Some(Self::of(&who.organisation));
        }
        asked.required("recipient", OrganisationId::parse(given)).map(Self::named)
    }

    /// Refuses who asks for the view of somebody else and is neither auditor nor publisher.
    pub(crate) fn must_be_of(&self, who: &Identity) -> Result<(), Status> {
        let own = *self == Self::of(&who.organisation);
        if own || who.roles.iter().any(|role| SEE_FOR_OTHERS.contains(role)) {
            return Ok(());
        }
        let message =
            format!("what {self} sees is told to {self} alone, or to auditor and publisher");
        let needs = SEE_FOR_OTHERS.map(Role::as_str);
        Err(Problem::new(Reason::NotPermitted, message).with_list("roles", &needs).status())
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation(id) => id.fmt(f),
            Self::Addressee => f.write_str(ADDRESSEE),
            Self::Public => f.write_str(PUBLIC),
        }
    }
}

impl Sight {
    /// What this caller may see.
    pub(crate) fn of(who: &Identity) -> Self {
        if who.roles.iter().any(|role| SEE_ALL.contains(role)) {
            Self::All
        } else {
            Self::Published(Recipient::of(&who.organisation))
        }
    }

    /// Whether the judgement of this area of a subject may be shown.
    pub(crate) fn takes_in(&self, area: &Area, subject: &SubjectId) -> bool {
        match self {
            Self::All => true,
            Self::Published(recipient) => recipient.sees(area, subject),
        }
    }

    /// Whether the texts of a letter about `subject` may be shown.
    pub(crate) fn takes_in_letter(&self, framework: &Framework, subject: &SubjectId) -> bool {
        match self {
            Self::All => true,
            Self::Published(recipient) => recipient.gets_letter(framework, subject),
        }
    }

    /// Refuses who may not see all. `what` names the thing asked for, as a plural.
    pub(crate) fn must_be_all(&self, what: &'static str) -> Result<(), Status> {
        match self {
            Self::All => Ok(()),
            Self::Published(_) => {
                let needs = SEE_ALL.map(Role::as_str);
                let message = format!("{what} need one of the roles {}", needs.join(", "));
                Err(Problem::new(Reason::NotPermitted, message).with_list("roles", &needs).status())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{AreaId, Text};

    fn identity(organisation: &str, roles: &[Role]) -> Identity {
        Identity {
            login: Text::parse("somebody").unwrap(),
            organisation: OrganisationId::parse(organisation).unwrap(),
            roles: roles.to_vec(),
        }
    }

    fn subject(id: &str) -> SubjectId {
        SubjectId::parse(id).unwrap()
    }

    fn area(visible_to: &[&str]) -> Area {
        Area {
            id: AreaId::parse("social-care").unwrap(),
            label: "social care".to_owned(),
            section: None,
            parent: None,
            scales: Vec::new(),
            descriptor_set: None,
            concept: None,
            demanded: true,
            visible_to: visible_to.iter().map(|it| AudienceId::parse(it).unwrap()).collect(),
        }
    }

    #[test]
    fn the_auditor_and_every_role_that_writes_see_all() {
        for role in Role::ALL {
            let sees_all = Sight::of(&identity("audit-commission", &[role])) == Sight::All;
            let expected = role != Role::Consumer && role != Role::Service;
            assert_eq!(sees_all, expected, "{}", role.as_str());
        }
        let both = identity("audit-commission", &[Role::Consumer, Role::Auditor]);
        assert_eq!(Sight::of(&both), Sight::All);
    }

    /// Spec §5.3: row for row, who sees an area that is visible to one audience.
    #[test]
    fn a_recipient_sees_what_is_shown_to_an_audience_of_its() {
        let rows: [(&str, &[&str], bool); 10] = [
            ("audit-commission", &["audit-commission", "csci"], true),
            ("audit-commission", &["csci"], false),
            ("audit-commission", &[], false),
            ("a-newspaper", &["public"], true),
            ("leicester-city", &["addressee"], true),
            ("nottingham-city", &["addressee"], false),
            ("addressee", &["addressee"], false),
            ("public", &["public"], true),
            ("public", &["addressee"], false),
            ("leicester-city", &["audit-commission"], false),
        ];
        for (organisation, visible_to, expected) in rows {
            let sight = Sight::of(&identity(organisation, &[Role::Consumer]));
            let sees = sight.takes_in(&area(visible_to), &subject("leicester-city"));
            assert_eq!(sees, expected, "{organisation} {visible_to:?}");
        }
    }

    #[test]
    fn a_request_can_name_the_audiences_that_are_no_organisations() {
        let auditor = identity("audit-office", &[Role::Auditor]);
        for (named, expected) in [
            ("addressee", Recipient::Addressee),
            ("public", Recipient::Public),
            ("csci", Recipient::Organisation(OrganisationId::parse("csci").unwrap())),
            ("", Recipient::Organisation(auditor.organisation.clone())),
        ] {
            let mut asked = Asked::default();
            let taken = Recipient::take(&mut asked, &auditor, named);
            assert_eq!(asked.settle(taken).unwrap(), expected, "{named}");
        }
        let seen = Recipient::Addressee.sees(&area(&["addressee"]), &subject("leicester-city"));
        assert!(seen);
    }

    #[test]
    fn only_auditor_and_publisher_ask_for_the_view_of_somebody_else() {
        let csci = Recipient::Organisation(OrganisationId::parse("csci").unwrap());
        for role in Role::ALL {
            let may = csci.must_be_of(&identity("ofsted", &[role])).is_ok();
            let expected = role == Role::Auditor || role == Role::Publisher;
            assert_eq!(may, expected, "{}", role.as_str());
            assert!(csci.must_be_of(&identity("csci", &[role])).is_ok(), "its own");
        }
        let called_so = identity("addressee", &[Role::Consumer]);
        let refusal = Recipient::Addressee.must_be_of(&called_so).unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::PermissionDenied);
    }

    #[test]
    fn who_has_no_role_that_sees_all_is_told_so() {
        let nobody = identity("audit-commission", &[]);
        let refusal = Sight::of(&nobody).must_be_all("working views").unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::PermissionDenied);
        assert!(refusal.message().starts_with("working views need one of the roles auditor, "));
    }
}
