//! What compiling audiences for a profile and for a visitor have in common.

use std::collections::BTreeSet;

use domain::audience::Audience;
use domain::catalogue::Catalogue;
use domain::name::AudienceName;
use domain::schema::{Class, Fields, union};
use pql::{Checked, Schemas};

/// An audience that cannot be evaluated. No catalogue should have one: it is checked before it is applied.
#[derive(Debug, thiserror::Error)]
#[error("audience `{audience}` cannot be evaluated: {reason}")]
pub struct NoPredicate {
    audience: AudienceName,
    reason: String,
}

impl NoPredicate {
    pub(crate) fn of(audience: &Audience, reason: String) -> NoPredicate {
        NoPredicate { audience: audience.name.clone(), reason }
    }
}

/// The union schemas of a catalogue. Schemas that are at odds have none; an audience that reads one of their fields says
/// so itself.
pub(crate) struct Unions {
    profile: Fields,
    events: Fields,
}

impl Unions {
    pub(crate) fn of(catalogue: &Catalogue) -> Unions {
        let of_class = |class| union(catalogue.schemas.values(), class).unwrap_or_default();
        Unions { profile: of_class(Class::Profile), events: of_class(Class::ExperienceEvent) }
    }

    pub(crate) fn schemas(&self) -> Schemas<'_> {
        Schemas { profile: &self.profile, events: &self.events }
    }
}

/// An audience's expression, checked.
pub(crate) fn check(audience: &Audience, schemas: &Schemas<'_>) -> Result<Checked, NoPredicate> {
    pql::parse(&audience.expression)
        .map_err(|error| vec![error])
        .and_then(|expression| expression.check(schemas))
        .map_err(|errors| NoPredicate::of(audience, first(&errors)))
}

fn first(errors: &[pql::Error]) -> String {
    errors.first().map(|error| error.message.clone()).unwrap_or_default()
}

/// Every audience after those that it refers to.
pub(crate) fn in_order(catalogue: &Catalogue) -> Result<Vec<&Audience>, NoPredicate> {
    let mut ordered: Vec<&Audience> = Vec::new();
    let mut placed: BTreeSet<&AudienceName> = BTreeSet::new();
    while placed.len() < catalogue.audiences.len() {
        let before = placed.len();
        for audience in catalogue.audiences.values() {
            let is_next = !placed.contains(&audience.name)
                && audience.refers_to.iter().all(|reference| placed.contains(reference));
            if is_next {
                placed.insert(&audience.name);
                ordered.push(audience);
            }
        }
        if placed.len() == before {
            let stuck = catalogue.audiences.keys().find(|name| !placed.contains(name));
            return stuck.map_or(Ok(ordered), |name| {
                Err(NoPredicate {
                    audience: name.clone(),
                    reason: "it refers to itself, or to an audience that does not exist".to_owned(),
                })
            });
        }
    }
    Ok(ordered)
}
