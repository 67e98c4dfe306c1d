//! Who will be a member: the project's audiences, evaluated over data that is still to be ingested.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use domain::catalogue::Catalogue;
use domain::merge::AttributeMerge;
use domain::name::{AudienceName, DatasetName};
use domain::schema::{Class, Fields, union};
use domain::value::{self, Object};
use jiff::Timestamp;
use pql::{Context, Predicate, Schemas};

/// What one dataset says of a person.
pub(crate) type Part<'a> = (&'a DatasetName, &'a Object);

/// The audiences of a project, compiled.
pub(crate) struct Audiences<'a> {
    audiences: BTreeMap<&'a AudienceName, (Predicate, &'a AttributeMerge)>,
    now: Timestamp,
}

impl<'a> Audiences<'a> {
    pub(crate) fn of(catalogue: &'a Catalogue) -> Result<Audiences<'a>> {
        let fields = union(catalogue.schemas.values(), Class::Profile)
            .map_err(|_| anyhow!("the schemas of the project have no union"))?;
        let schemas = Schemas { profile: &fields, events: &Fields::new() };
        let mut audiences = BTreeMap::new();
        for (name, audience) in &catalogue.audiences {
            let checked = pql::parse(&audience.expression)?.check(&schemas);
            let checked = checked.map_err(|_| anyhow!("audience `{name}` does not fit the schemas"))?;
            let newest = &AttributeMerge::TimestampOrdered;
            let policy = catalogue.merge_policies.get(&audience.merge_policy);
            let merge = policy.map_or(newest, |policy| &policy.attributes);
            audiences.insert(name, (checked.compile(), merge));
        }
        Ok(Audiences { audiences, now: Timestamp::now() })
    }

    /// How many audiences there are.
    pub(crate) fn len(&self) -> usize {
        self.audiences.len()
    }

    /// Nobody is a member of anything yet.
    pub(crate) fn nobody(&self) -> BTreeMap<AudienceName, u64> {
        self.audiences.keys().map(|name| ((*name).clone(), 0)).collect()
    }

    /// The audiences of a person of whom datasets say this, the oldest first.
    pub(crate) fn of_person<'b>(
        &'b self,
        parts: &'b [Part<'b>],
    ) -> impl Iterator<Item = &'a AudienceName> + 'b {
        self.audiences.keys().copied().filter(|name| self.has_member(name.as_str(), parts))
    }

    fn has_member(&self, name: &str, parts: &[Part<'_>]) -> bool {
        let Some((_, (predicate, merge))) = self.audiences.iter().find(|(known, _)| known.as_str() == name)
        else {
            return false;
        };
        // A project's audiences refer to each other in no circle.
        let audiences = |other: &str| self.has_member(other, parts);
        predicate.evaluate(&Context {
            attributes: &merged(parts, merge),
            events: &[],
            audiences: &audiences,
            now: self.now,
        })
    }
}

/// One view of what datasets say, the oldest first. Where it stands, a later value takes the place of an earlier one.
fn merged(parts: &[Part<'_>], merge: &AttributeMerge) -> Object {
    let mut ranked: Vec<&Part<'_>> = parts.iter().filter(|(dataset, _)| merge.merges(dataset)).collect();
    if let AttributeMerge::DatasetPrecedence(order) = merge {
        ranked.sort_by_key(|(dataset, _)| std::cmp::Reverse(order.iter().position(|each| each == *dataset)));
    }
    let mut merged = Object::new();
    for (path, value) in ranked.into_iter().flat_map(|(_, attributes)| value::leaves(attributes)) {
        value::insert(&mut merged, &path, value.clone());
    }
    merged
}
