//! What audiences of a profile and of a visitor have in common: how they are planned, and what is found of somebody.

use std::collections::BTreeMap;

use domain::audience::{Audience, DefinitionHash, Evaluation, Population};
use domain::catalogue::Catalogue;
use domain::membership::Finding;
use domain::merge::MergePolicy;
use domain::name::AudienceName;
use domain::schema::{Class, Fields, union};
use pql::{Answers, Checked, Plan, Planner, Reference, Schemas};

/// An audience that cannot be evaluated. No catalogue should have one: it is checked before it is applied.
#[derive(Debug, thiserror::Error)]
#[error("audience `{audience}` cannot be evaluated: {reason}")]
pub struct InvalidAudience {
    audience: AudienceName,
    reason: String,
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

/// Audiences that are evaluated together.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    pub(crate) plan: Plan,
    /// By their numbers in the plan.
    audiences: Vec<Defined>,
    /// Those that are evaluated elsewhere, and that these refer to, by their numbers in the plan.
    elsewhere: Vec<Defined>,
}

/// An audience as it is defined now.
#[derive(Debug, Clone)]
struct Defined {
    name: AudienceName,
    definition: DefinitionHash,
    of: Population,
}

impl From<&Audience> for Defined {
    fn from(audience: &Audience) -> Defined {
        Defined { name: audience.name.clone(), definition: audience.definition.clone(), of: audience.of }
    }
}

impl Together {
    /// Plans those of a catalogue's audiences that are wanted. `see` sees each of them, checked, with its merge policy, and
    /// says which of the views that are evaluated it is about.
    ///
    /// # Errors
    /// The first audience that is no expression over the catalogue's fields, or that refers to itself.
    pub(crate) fn plan<'a>(
        catalogue: &'a Catalogue,
        schemas: &Schemas<'_>,
        mode: Evaluation,
        is_wanted: impl Fn(&Audience) -> bool,
        mut see: impl FnMut(&Checked, &'a MergePolicy) -> usize,
    ) -> Result<Together, InvalidAudience> {
        let mut planner = Planner::default();
        let mut references: BTreeMap<&str, Reference> = BTreeMap::new();
        let mut audiences = Vec::new();
        let mut elsewhere = Vec::new();
        let ordered = catalogue.audiences_in_order().map_err(|name| InvalidAudience {
            audience: name.clone(),
            reason: "it refers to itself, or to an audience that does not exist".to_owned(),
        })?;
        for audience in
            ordered.into_iter().filter(|audience| audience.evaluation == mode && is_wanted(audience))
        {
            let invalid = |reason| InvalidAudience { audience: audience.name.clone(), reason };
            let checked = check(audience, schemas).map_err(invalid)?;
            let view = see(&checked, merge_policy(audience, catalogue).map_err(invalid)?);
            let others = audience.refers_to.iter().filter_map(|name| catalogue.audiences.get(name));
            for other in others.filter(|other| other.evaluation != mode) {
                references.entry(other.name.as_str()).or_insert_with(|| {
                    elsewhere.push(Defined::from(other));
                    Reference::Known(elsewhere.len() - 1)
                });
            }
            let number = planner.add(&checked, view, |id| references.get(id).copied());
            references.insert(audience.name.as_str(), Reference::Expression(number));
            audiences.push(Defined::from(audience));
        }
        Ok(Together { plan: planner.finish(), audiences, elsewhere })
    }

    /// What is known of each of the audiences that are evaluated elsewhere.
    pub(crate) fn known(&self, is_in: impl Fn(&AudienceName, &DefinitionHash) -> bool) -> Vec<bool> {
        self.elsewhere.iter().map(|audience| is_in(&audience.name, &audience.definition)).collect()
    }

    /// What was found of somebody, and whom each audience is of; of whom nothing was asked, that they are in no audience.
    pub(crate) fn findings<'a>(
        &'a self,
        answers: &'a Answers,
        row: Option<usize>,
    ) -> impl Iterator<Item = (Finding<'a>, Population)> {
        self.audiences.iter().enumerate().map(move |(number, audience)| {
            let member = row.is_some_and(|row| answers.holds(number, row));
            let finding = Finding { audience: &audience.name, member, definition: &audience.definition };
            (finding, audience.of)
        })
    }
}

fn check(audience: &Audience, schemas: &Schemas<'_>) -> Result<Checked, String> {
    let first = |errors: Vec<pql::Error>| errors.into_iter().next().map(|error| error.message);
    pql::parse(&audience.expression)
        .map_err(|error| error.message)?
        .check(schemas)
        .map_err(|errors| first(errors).unwrap_or_default())
}

fn merge_policy<'a>(audience: &Audience, catalogue: &'a Catalogue) -> Result<&'a MergePolicy, String> {
    let name = &audience.merge_policy;
    catalogue.merge_policies.get(name).ok_or_else(|| format!("there is no merge policy `{name}`"))
}
