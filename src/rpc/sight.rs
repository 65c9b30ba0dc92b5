//! What a caller may see: decided by the credential, never by the request.
//!
//! Spec §5.3: working views and the audit trail need the auditor or a role in an organisation
//! that judges. Everybody else sees what is published, and of that only what the framework shows
//! to their organisation. **Default deny: a hidden area is absent, never blank.**

use tonic::Status;

use super::{
    caller::Identity,
    status::{Problem, Reason},
};
use crate::judgement::{Area, AudienceId, Role};

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

/// What a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Sight {
    /// All that was recorded.
    All,
    /// What is published and shown to this audience; without one, to nobody in particular.
    Published(Option<AudienceId>),
}

impl Sight {
    /// What this caller may see. An organisation is the audience of the same id.
    pub(crate) fn of(who: &Identity) -> Self {
        if who.roles.iter().any(|role| SEE_ALL.contains(role)) {
            Self::All
        } else {
            Self::Published(AudienceId::parse(who.organisation.as_str()).ok())
        }
    }

    /// Whether the judgement of this area may be shown.
    pub(crate) fn takes_in(&self, area: &Area) -> bool {
        match self {
            Self::All => true,
            Self::Published(audience) => {
                audience.as_ref().is_some_and(|audience| area.visible_to.contains(audience))
            }
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::judgement::{AreaId, OrganisationId, Text};

    fn identity(roles: &[Role]) -> Identity {
        Identity {
            login: Text::parse("somebody").unwrap(),
            organisation: OrganisationId::parse("audit-commission").unwrap(),
            roles: roles.to_vec(),
        }
    }

    #[test]
    fn the_auditor_and_every_role_that_writes_see_all() {
        for role in Role::ALL {
            let sees_all = Sight::of(&identity(&[role])) == Sight::All;
            let expected = role != Role::Consumer && role != Role::Service;
            assert_eq!(sees_all, expected, "{}", role.as_str());
        }
        let both = identity(&[Role::Consumer, Role::Auditor]);
        assert_eq!(Sight::of(&both), Sight::All);
    }

    #[test]
    fn a_consumer_sees_only_the_areas_shown_to_its_organisation() {
        let sight = Sight::of(&identity(&[Role::Consumer]));
        let mut area = Area {
            id: AreaId::parse("social-care").unwrap(),
            label: "social care".to_owned(),
            section: None,
            parent: None,
            scales: Vec::new(),
            descriptor_set: None,
            concept: None,
            demanded: true,
            visible_to: BTreeSet::from([AudienceId::parse("csci").unwrap()]),
        };
        assert!(!sight.takes_in(&area));
        area.visible_to.insert(AudienceId::parse("audit-commission").unwrap());
        assert!(sight.takes_in(&area));
        assert!(!Sight::Published(None).takes_in(&area));
    }

    #[test]
    fn who_has_no_role_that_sees_all_is_told_so() {
        let refusal = Sight::of(&identity(&[])).must_be_all("working views").unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::PermissionDenied);
        assert!(refusal.message().starts_with("working views need one of the roles auditor, "));
    }
}
