//! What audiences of a profile and of a visitor have in common: how they are compiled, and held against somebody.

use std::collections::{BTreeMap, BTreeSet};

use domain::audience::{Audience, DefinitionHash};
use domain::catalogue::Catalogue;
use domain::membership::Finding;
use domain::merge::MergePolicy;
use domain::name::{AudienceName, MergePolicyName};
use domain::schema::{Class, Fields, union};
use domain::value::Object;
use jiff::Timestamp;
use pql::{Checked, Context, Event, Predicate, Schemas};

/// What is known of somebody of whom nobody said anything.
static NO_ATTRIBUTES: Object = Object::new();

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

/// The merge policy of an audience.
pub(crate) fn merge_policy<'a>(
    audience: &Audience,
    catalogue: &'a Catalogue,
) -> Result<&'a MergePolicy, NoPredicate> {
    let name = &audience.merge_policy;
    let policy = catalogue.merge_policies.get(name);
    policy.ok_or_else(|| NoPredicate::of(audience, format!("there is no merge policy `{name}`")))
}

/// An audience, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    name: AudienceName,
    merge_policy: MergePolicyName,
    definition: DefinitionHash,
    pub(crate) predicate: Predicate,
}

impl Compiled {
    pub(crate) fn new(audience: &Audience, checked: Checked) -> Compiled {
        Compiled {
            name: audience.name.clone(),
            merge_policy: audience.merge_policy.clone(),
            definition: audience.definition.clone(),
            predicate: checked.compile(),
        }
    }
}

/// Somebody's attributes, as each merge policy has them.
#[derive(Debug)]
pub(crate) struct Views<'a>(pub(crate) BTreeMap<&'a MergePolicyName, Object>);

impl Views<'_> {
    /// The attributes that an audience sees.
    pub(crate) fn of(&self, audience: &Compiled) -> &Object {
        self.0.get(&audience.merge_policy).unwrap_or(&NO_ATTRIBUTES)
    }
}

/// What audiences, each after those that it refers to, find of somebody. Of other audiences `is_member` knows.
pub(crate) fn find(
    audiences: &[Compiled],
    views: &Views<'_>,
    events: &[Event<'_>],
    is_member: impl Fn(&str) -> bool,
    now: Timestamp,
) -> BTreeMap<AudienceName, Finding> {
    let mut findings: BTreeMap<AudienceName, Finding> = BTreeMap::new();
    for audience in audiences {
        let is_member = |id: &str| {
            findings.iter().any(|(name, finding)| name.as_str() == id && finding.member) || is_member(id)
        };
        let context = Context { attributes: views.of(audience), events, audiences: &is_member, now };
        let member = audience.predicate.evaluate(&context);
        findings.insert(audience.name.clone(), Finding { member, definition: audience.definition.clone() });
    }
    findings
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
