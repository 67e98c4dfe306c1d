//! What would cure a refusal: the smallest sets of changes of the catalogue after which nothing refuses the use.
//!
//! Every set is found by making its changes and checking again, so that none is proposed that would not do. No change
//! that is tried here refuses anything new. So a set is minimal if none of its changes can be left out.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Serialize;

use super::check_activation;
use crate::catalogue::Catalogue;
use crate::refusal::{Activation, Refusal};

mod candidates;
mod change;

pub use change::Change;

/// A smallest set of changes: together they cure, and none of them can be left out.
pub type Cure = BTreeSet<Change>;

/// The most changes of a cure that every combination is tried for.
const MOST_CHANGES: usize = 3;

/// The most combinations that are tried.
const MOST_CHECKS: usize = 1_000;

/// What would cure the refusals of a use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cures {
    /// The cures, smallest first; among equals first those that use less data, last those that relax a policy.
    pub cures: Vec<Cure>,
    /// Whether these are all of up to three changes. Of longer ones a few are told: one for each kind of change that it
    /// is mostly made of, such as taking data out.
    pub complete: bool,
}

/// Finds what would cure the refusals of a use on a day; nothing where nothing refuses it.
pub fn cures(catalogue: &Catalogue, activation: &Activation, today: Date) -> Cures {
    let search = Search::of(catalogue, activation, today);
    if !matches!(search.after(&Cure::new()), After::Refused(_)) {
        return Cures { cures: Vec::new(), complete: true };
    }
    let (mut cures, complete) = search.all_small();
    for kind in Kind::ALL {
        // A smaller one that is a part of it cannot be: then the changes beside it could be left out.
        let cure = search.mostly_of(kind).filter(|cure| !cures.contains(cure));
        cures.extend(cure);
    }
    cures.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    Cures { cures, complete }
}

/// The catalogue after the changes of a cure.
pub fn applied(catalogue: &Catalogue, cure: &Cure) -> Catalogue {
    let mut changed = catalogue.clone();
    cure.iter().for_each(|change| change.apply(&mut changed));
    changed
}

/// Kinds of changes that a longer cure may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Less data is used.
    Data,
    /// Merge policies look at less.
    Datasets,
    /// Less is done with the data.
    Actions,
    /// Labels are taken off.
    Labels,
    /// Policies and contracts are relaxed.
    Rules,
}

impl Kind {
    const ALL: [Kind; 5] = [Kind::Data, Kind::Datasets, Kind::Actions, Kind::Labels, Kind::Rules];

    fn of(change: &Change) -> Kind {
        match change {
            Change::DropMapping { .. }
            | Change::DropField { .. }
            | Change::DropReference { .. }
            | Change::DropOfferAudience { .. }
            | Change::DropToldAudience { .. } => Kind::Data,
            Change::ExcludeDataset { .. } | Change::LeaveGraphOut { .. } => Kind::Datasets,
            Change::DropAction { .. } | Change::DropOfferAction { .. } => Kind::Actions,
            Change::UnlabelField { .. } | Change::UnlabelDataset { .. } => Kind::Labels,
            Change::AllowAction { .. }
            | Change::RenewContract { .. }
            | Change::AgreeContract { .. }
            | Change::DisablePolicy { .. } => Kind::Rules,
        }
    }
}

/// What is left of a use's refusals after changes.
enum After {
    /// None.
    Cured,
    /// This one, and maybe more.
    Refused(Box<Refusal>),
    /// The changes leave no project: a dataflow maps nothing, for one.
    Broken,
}

/// A search for cures of one use.
struct Search<'a> {
    /// What of the catalogue the use rests on.
    catalogue: Catalogue,
    activation: &'a Activation,
    today: Date,
}

impl<'a> Search<'a> {
    fn of(catalogue: &Catalogue, activation: &'a Activation, today: Date) -> Search<'a> {
        Search { catalogue: relevant(catalogue, activation, today), activation, today }
    }

    fn after(&self, changes: &Cure) -> After {
        let changed = applied(&self.catalogue, changes);
        if !candidates::is_whole(&self.catalogue, &changed, self.activation) {
            return After::Broken;
        }
        let refusals = check_activation(&changed, self.activation, self.today);
        refusals.into_iter().next().map_or(After::Cured, |first| After::Refused(Box::new(first)))
    }

    fn candidates(&self, changes: &Cure, refusal: &Refusal) -> Vec<Change> {
        candidates::of(&applied(&self.catalogue, changes), refusal)
    }

    /// Every cure of few changes, and whether the search came to its end.
    ///
    /// Only changes that touch the first refusal that is left are tried next: whoever cures has to cure that one too.
    fn all_small(&self) -> (Vec<Cure>, bool) {
        let mut found: Vec<Cure> = Vec::new();
        let mut level = BTreeSet::from([Cure::new()]);
        let mut checks = 0;
        for size in 0..=MOST_CHANGES {
            let mut next = BTreeSet::new();
            for changes in level {
                if found.iter().any(|cure| cure.is_subset(&changes)) {
                    continue;
                }
                if checks == MOST_CHECKS {
                    return (found, false);
                }
                checks += 1;
                match self.after(&changes) {
                    After::Cured => found.push(changes),
                    After::Broken => {}
                    After::Refused(_) if size == MOST_CHANGES => {}
                    After::Refused(refusal) => {
                        let more = self.candidates(&changes, &refusal);
                        next.extend(more.into_iter().map(|change| with(&changes, change)));
                    }
                }
            }
            level = next;
        }
        (found, true)
    }

    /// A cure of changes of one kind, however many it takes; of others only where that kind does not touch a refusal.
    fn mostly_of(&self, kind: Kind) -> Option<Cure> {
        let mut cure = Cure::new();
        loop {
            let refusal = match self.after(&cure) {
                After::Cured => break,
                After::Refused(refusal) => refusal,
                After::Broken => return None,
            };
            let all = self.candidates(&cure, &refusal);
            // What every refusal has: a label that could be off, or a rule that could be another.
            let mut kinds = [kind, Kind::Labels, Kind::Rules].into_iter();
            let kind = kinds.find(|kind| all.iter().any(|each| Kind::of(each) == *kind))?;
            cure.extend(all.into_iter().filter(|each| Kind::of(each) == kind));
        }
        for change in cure.clone() {
            let mut without = cure.clone();
            without.remove(&change);
            if matches!(self.after(&without), After::Cured) {
                cure = without;
            }
        }
        Some(cure)
    }
}

fn with(changes: &Cure, change: Change) -> Cure {
    let mut changes = changes.clone();
    changes.insert(change);
    changes
}

/// A catalogue without what a use does not rest on, so that it is cheap to change and to check.
fn relevant(catalogue: &Catalogue, activation: &Activation, today: Date) -> Catalogue {
    let mut relevant = catalogue.clone();
    let is_used = |each: &Activation| each == activation;
    relevant.dataflows.retain(|_, dataflow| {
        let (dataflow, destination) = (dataflow.name.clone(), dataflow.destination.clone());
        is_used(&Activation::Dataflow { dataflow, destination })
    });
    relevant.offers.retain(|name, _| is_used(&Activation::Offer { offer: name.clone() }));
    relevant.datastreams.retain(|name, _| is_used(&Activation::Datastream { datastream: name.clone() }));
    let used = candidates::audiences(&relevant, activation);
    relevant.audiences.retain(|name, _| used.contains(name));
    // Nothing is refused but what a policy or a contract refuses now: no change brings another one in.
    let refusals = check_activation(catalogue, activation, today);
    relevant.policies.retain(|name, _| refusals.iter().any(|refusal| refusal.cause.policy() == Some(name)));
    relevant
}
