//! What a caller may see: decided by the credential, never by the request. **The audience rule of
//! the specification (§5.3) stands here and nowhere else.**
//!
//! Working views and the audit trail need the auditor or a role in an organisation that judges: that
//! signs under the assessment's framework. To an insider of another organisation an assessment that
//! is not published is not there. Everybody else is a [`Recipient`] and sees what is published, and of that only what the
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
    ADDRESSEE, Area, AudienceId, Deed, Feed, Framework, OrganisationId, PUBLIC, Role, SubjectId,
    When, rights::roles,
};

/// What a credential reaches, whichever assessment is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All that was recorded.
    Everything,
    /// All of the assessments that this organisation judges; of others what is published to it.
    Judged(OrganisationId),
    /// What is published and shown to this recipient.
    Published(Recipient),
}

impl Reach {
    /// What this caller's credential reaches.
    pub(crate) fn of(who: &Identity) -> Self {
        if who.roles.contains(&Role::Auditor) {
            Self::Everything
        } else if who.has_one_of(roles(Deed::GetAssessment, When::Inside)) {
            Self::Judged(who.organisation.clone())
        } else {
            Self::Published(Recipient::of(&who.organisation))
        }
    }

    /// What is seen of assessments under a framework.
    pub(crate) fn on(&self, framework: &Framework) -> Sight {
        match self {
            Self::Everything => Sight::All,
            Self::Judged(organisation) if framework.signed_by.contains(organisation) => Sight::All,
            Self::Judged(organisation) => Sight::Published(Recipient::of(organisation)),
            Self::Published(recipient) => Sight::Published(recipient.clone()),
        }
    }

    /// Refuses who sees nothing but what is published, whatever is asked for: `what` names it, as a
    /// plural.
    pub(crate) fn must_go_inside(&self, what: &'static str) -> Result<(), Status> {
        match self {
            Self::Everything | Self::Judged(_) => Ok(()),
            Self::Published(_) => Err(for_insiders(what)),
        }
    }
}

fn for_insiders(what: &str) -> Status {
    lacks(roles(Deed::GetAssessment, When::Inside), what)
}

/// Refuses who has none of the roles that may do something in this case; `what` names what is asked
/// for, as a plural.
pub(crate) fn must_have(
    who: &Identity,
    (deed, when): (Deed, When),
    what: &str,
) -> Result<(), Status> {
    let needs = roles(deed, when);
    if who.has_one_of(needs) { Ok(()) } else { Err(lacks(needs, what)) }
}

/// The refusal of who has none of these roles.
pub(crate) fn lacks(needs: &[Role], what: &str) -> Status {
    let needs: Vec<_> = needs.iter().map(|role| role.as_str()).collect();
    let message = format!("{what} need one of the roles {}", needs.join(", "));
    Problem::new(Reason::NotPermitted, message).with_list("roles", &needs).status()
}

/// What a caller may see of one assessment.
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

    /// Whether it is the caller's own organisation.
    pub(crate) fn is_of(&self, who: &Identity) -> bool {
        *self == Self::of(&who.organisation)
    }

    /// Refuses who asks for the view of somebody else and is neither auditor nor publisher.
    pub(crate) fn must_be_of(&self, who: &Identity) -> Result<(), Status> {
        let own = self.is_of(who);
        let needs = roles(Deed::GetDisclosure, When::ForAnother);
        if own || who.has_one_of(needs) {
            return Ok(());
        }
        let message =
            format!("what {self} sees is told to {self} alone, or to auditor and publisher");
        let needs: Vec<_> = needs.iter().map(|role| role.as_str()).collect();
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
            Self::Published(_) => Err(for_insiders(what)),
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

    /// A framework of one organisation's, with nothing in it.
    fn signed_by(organisation: &str) -> Framework {
        let signer = OrganisationId::parse(organisation).unwrap();
        let apa = crate::record::built_in().unwrap().remove(0);
        let apa = crate::record::framework_of(&apa).unwrap();
        Framework { signed_by: [signer].into(), ..apa }
    }

    /// Spec §5.3: the auditor sees all, who writes sees all of what the own organisation judges.
    #[test]
    fn a_credential_reaches_what_its_role_and_its_organisation_reach() {
        let (own, others) = (signed_by("ofsted"), signed_by("csci"));
        for role in Role::ALL {
            let reach = Reach::of(&identity("ofsted", &[role]));
            let sees = [&own, &others].map(|framework| reach.on(framework) == Sight::All);
            let writes = role.writes() && role != Role::Service;
            let expected = if role == Role::Auditor { [true, true] } else { [writes, false] };
            assert_eq!(sees, expected, "{}", role.as_str());
            let inside = reach.must_go_inside("working views").is_ok();
            assert_eq!(inside, expected[0], "{}", role.as_str());
        }
        let both = identity("audit-commission", &[Role::Consumer, Role::Auditor]);
        assert_eq!(Reach::of(&both), Reach::Everything);
        let published = Reach::of(&identity("ofsted", &[Role::Inspector])).on(&others);
        let ofsted = OrganisationId::parse("ofsted").unwrap();
        assert_eq!(published, Sight::Published(Recipient::Organisation(ofsted)));
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
            let reach = Reach::of(&identity(organisation, &[Role::Consumer]));
            let sight = reach.on(&signed_by("ofsted"));
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
        let refusal = Reach::of(&nobody).must_go_inside("working views").unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::PermissionDenied);
        assert!(refusal.message().starts_with("working views need one of the roles auditor, "));
    }
}
