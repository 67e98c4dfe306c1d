//! In which ways an audience of a catalogue can be evaluated.

use domain::audience::Audience;
use domain::catalogue::Catalogue;
use domain::schema::{Class, union};
use pql::{Eligibility, Schemas};

use crate::explain::Unexplained;

/// In which ways an audience can be evaluated, and what stands against the others.
///
/// # Errors
/// An expression that does not fit the catalogue's schemas, which no catalogue should have.
pub fn eligibility(catalogue: &Catalogue, audience: &Audience) -> Result<Eligibility, Unexplained> {
    let of_class = |class| union(catalogue.schemas.values(), class).unwrap_or_default();
    let (profile, events) = (of_class(Class::Profile), of_class(Class::ExperienceEvent));
    let unexplained = |reason| Unexplained { audience: audience.name.clone(), reason };
    let expression = pql::parse(&audience.expression).map_err(unexplained)?;
    match expression.check(&Schemas { profile: &profile, events: &events }) {
        Ok(checked) => Ok(expression.eligibility(&checked)),
        // INVARIANT: a refusal has at least one reason.
        Err(reasons) => match reasons.into_iter().next() {
            Some(reason) => Err(unexplained(reason)),
            None => Ok(Eligibility::default()),
        },
    }
}
