//! `retention` of `project.yaml`: how long profiles are kept, whatever datasets they are made of.

use std::collections::BTreeSet;

use domain::dataset::Dataset;
use domain::namespace::{Namespace, NamespaceCode, NamespaceType};
use domain::profile::pseudonymous::Pseudonymous;

use crate::problem::Notes;
use crate::read::{At, Members, Read};
use crate::yaml::Node;

use super::Scope;
use super::dataset::check_days;

/// How long profiles are kept.
pub(crate) struct ProfileRetentionForm {
    pseudonymous: Option<PseudonymousForm>,
}

/// How long those are kept of whom only browsers and devices are known.
struct PseudonymousForm {
    days: At<u16>,
    /// The namespaces, where they are named.
    namespaces: Option<At<Vec<At<NamespaceCode>>>>,
}

impl Read for ProfileRetentionForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<ProfileRetentionForm> {
        let mut members = Members::of(node, notes)?;
        let pseudonymous = members.optional("pseudonymous", notes);
        members.finish(notes);
        Some(ProfileRetentionForm { pseudonymous: pseudonymous? })
    }
}

impl Read for PseudonymousForm {
    fn read(node: &Node, notes: &mut Notes<'_>) -> Option<PseudonymousForm> {
        let mut members = Members::of(node, notes)?;
        let days = members.required::<At<u16>>("days", notes);
        let namespaces = members.optional::<At<Vec<_>>>("namespaces", notes);
        members.finish(notes);
        let (days, namespaces) = (days?, namespaces?);
        check_days(&days, "leave `pseudonymous` out to keep profiles as long as their records", notes);
        if let Some(named) = namespaces.as_ref().filter(|named| named.value.is_empty()) {
            let help = "leave `namespaces` out for all that are of browsers and devices".to_owned();
            notes.note(named.at, "no namespace makes a profile pseudonymous", help);
        }
        Some(PseudonymousForm { days, namespaces })
    }
}

impl ProfileRetentionForm {
    /// How long pseudonymous profiles are kept, if anything is said of that.
    pub(crate) fn pseudonymous(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) -> Option<Pseudonymous> {
        let PseudonymousForm { days, namespaces } = self.pseudonymous.as_ref()?;
        let known = &scope.catalogue.namespaces;
        let namespaces = match namespaces {
            Some(named) => {
                named.value.iter().for_each(|code| check(code, scope, notes));
                named.value.iter().map(|code| code.value.clone()).collect()
            }
            None => of_browsers_and_devices(known),
        };
        Some(Pseudonymous { days: days.value, namespaces })
    }

    /// Notes datastreams whose visits would count for nothing: a visit is noted by a record of the dataset that holds the
    /// events.
    pub(crate) fn check_visits(&self, scope: &Scope<'_>, notes: &mut Notes<'_>) {
        let counts_visits = scope.catalogue.pseudonymous.as_ref().is_some_and(Pseudonymous::counts_visits);
        let Some(form) = self.pseudonymous.as_ref().filter(|_| counts_visits) else { return };
        for name in scope.catalogue.datastreams.keys() {
            let mut events = scope.catalogue.datasets.values().filter_map(Dataset::events);
            if !events.any(|events| events.datastream == *name && events.fields.is_empty()) {
                let message = format!(
                    "who is known by a browser alone would expire whether they come by or not: no dataset holds the events of `{name}`"
                );
                let help = format!(
                    "add a dataset with `source: {{datastream: {name}}}` and a schema of class `experience_event`, or leave `ECID` out of `namespaces`"
                );
                notes.note(form.days.at, message, help);
            }
        }
    }
}

fn of_browsers_and_devices(namespaces: &[Namespace]) -> BTreeSet<NamespaceCode> {
    let of =
        namespaces.iter().filter(|known| matches!(known.kind, NamespaceType::Cookie | NamespaceType::Device));
    of.map(|namespace| namespace.code.clone()).collect()
}

/// Notes a namespace by which nobody is pseudonymous.
fn check(code: &At<NamespaceCode>, scope: &Scope<'_>, notes: &mut Notes<'_>) {
    let why = match scope.forms.namespace_type(&scope.catalogue.namespaces, code, notes) {
        Some(NamespaceType::Email | NamespaceType::Phone | NamespaceType::CrossDevice) => {
            "it says who somebody is"
        }
        Some(NamespaceType::PartnerId | NamespaceType::NonPeople) => "no profile is known by it",
        Some(NamespaceType::Cookie | NamespaceType::Device) | None => return,
    };
    let help = "name namespaces of browsers and devices".to_owned();
    notes.note(code.at, format!("namespace `{}` makes nobody pseudonymous: {why}", code.value), help);
}
