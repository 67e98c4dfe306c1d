//! Who will be a member: the project's audiences, evaluated over data that is still to be ingested.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use domain::catalogue::Catalogue;
use domain::merge::AttributeMerge;
use domain::name::{AudienceName, DatasetName};
use domain::schema::{Class, Fields, union};
use domain::value::{self, Object};
use jiff::Timestamp;
use pql::{Page, Plan, Planner, Reference, Schemas, Subject};

/// What one dataset says of a person.
pub(crate) type Part<'a> = (&'a DatasetName, &'a Object);

/// The audiences of a project, compiled.
pub(crate) struct Audiences<'a> {
    plan: Plan,
    /// The audiences with their numbers in the plan.
    audiences: BTreeMap<&'a AudienceName, usize>,
    /// What makes each of the views that they are about.
    merges: Vec<&'a AttributeMerge>,
    now: Timestamp,
}

impl<'a> Audiences<'a> {
    pub(crate) fn of(catalogue: &'a Catalogue) -> Result<Audiences<'a>> {
        let fields = union(catalogue.schemas.values(), Class::Profile)
            .map_err(|_| anyhow!("the schemas of the project have no union"))?;
        let schemas = Schemas { profile: &fields, events: &Fields::new() };
        let ordered = catalogue.audiences_in_order();
        let ordered = ordered.map_err(|name| anyhow!("audience `{name}` refers to itself"))?;
        let mut planner = Planner::default();
        let mut audiences: BTreeMap<&AudienceName, usize> = BTreeMap::new();
        let mut merges: Vec<&AttributeMerge> = Vec::new();
        for audience in ordered {
            let name = &audience.name;
            let checked = pql::parse(&audience.expression)?.check(&schemas);
            let checked = checked.map_err(|_| anyhow!("audience `{name}` does not fit the schemas"))?;
            let newest = &AttributeMerge::TimestampOrdered;
            let policy = catalogue.merge_policies.get(&audience.merge_policy);
            let merge = policy.map_or(newest, |policy| &policy.attributes);
            let view = merges.iter().position(|known| *known == merge).unwrap_or_else(|| {
                merges.push(merge);
                merges.len() - 1
            });
            let number = planner.add(&checked, view, |id| {
                let name = id.parse::<AudienceName>().ok()?;
                audiences.get(&name).copied().map(Reference::Expression)
            });
            audiences.insert(name, number);
        }
        Ok(Audiences { plan: planner.finish(), audiences, merges, now: Timestamp::now() })
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
        let views: Vec<Object> = self.merges.iter().map(|merge| merged(parts, merge)).collect();
        let page = [Subject { attributes: &views, events: &[], audiences: &[] }];
        let answers = Page::new(&self.plan, &page, self.now).evaluate();
        let members = self.audiences.iter().filter(move |(_, number)| answers.holds(**number, 0));
        members.map(|(name, _)| *name)
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
