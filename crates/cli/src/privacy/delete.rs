//! `tributary privacy delete`: has a person withdrawn everywhere, then erased.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use aws::{Closed, Found, Holder, Receipt, Store, Suppression, Visit};
use clap::Parser;
use domain::delivery::Delivery;
use domain::identity::ProfileId;
use domain::name::DataflowName;
use domain::namespace::ECID;
use domain::profile::Profile;
use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::status::{self, with_owing};
use super::{People, Whom};
use crate::FINDINGS;
use crate::connection::{user, with_store};
use crate::terminal::{self, Format, print};

/// How often people are looked for again where somebody else takes their identity for another at the same time.
const MOST_RACES: usize = 10;

/// What may hold something of a person besides the tables, and for how many days it does at most, as the deployment's
/// template has it and lets parameters say.
const LIFECYCLES: [(&str, i64); 9] = [
    ("inbox: files in which the person stands, and their versions", 120),
    ("staging: rows on their way", 21),
    ("quarantine: rows that were set aside", 30),
    ("delivery log: the profile's id, no value", 90),
    ("exports: files that were written for others to take", 30),
    ("events: as the visitor's browser sent them (parameter EventsRetentionDays may say less)", 400),
    ("events that could not be kept at once, or not be placed", 30),
    ("changes that could not be dispatched", 14),
    ("backups of the tables (point-in-time recovery)", 35),
];

/// Delete a person: withdrawn from every destination first, then erased
///
/// Every identity of the person is suppressed at once: rows, replayed events and logins of theirs are refused from then
/// on, with the code `suppressed`, and reach no profile. Then everything that was sent is withdrawn, by
/// the ordinary steps of a delivery, and once that is confirmed, the next evaluation erases the profile. The receipt says
/// what was found; `tributary privacy status` says how far it is, and what goes by itself and when. Asking for it again
/// shows the same receipt.
///
/// A partner's ID may be on several people: that is refused, unless `--all` says that all of them are meant.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary privacy delete --namespace Email --value bobby.bank@example.com --reason \"request 4711\"
  tributary privacy delete --namespace NorthlightID --value N-1 --all --format json

Exit codes: 0 the deletion is under way, and the receipt says more; 1 nobody has this identity (it is suppressed all the
same), or a partner's ID is on several people; 2 could not be done.")]
pub(crate) struct Args {
    #[command(flatten)]
    whom: Whom,
    /// Why, for whoever reads the receipt: the number of a request, and nothing that tells who it is
    #[arg(long)]
    reason: Option<String>,
    /// Delete everybody who has this partner's ID
    #[arg(long)]
    all: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let people = People::find(store, &args.whom).await?;
        if let Some(objection) = objection(&people, args.all) {
            terminal::print_error(&objection);
            return Ok(ExitCode::from(FINDINGS));
        }
        let receipt = delete(store, people, args).await?;
        let status = status::Status::of(store, receipt).await?;
        match args.format {
            Format::Json => terminal::print_json(&status)?,
            Format::Text => print!("{}", status.text()),
        }
        Ok(if status.is_of_nobody() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

fn objection(people: &People, all: bool) -> Option<anyhow::Error> {
    let code = &people.namespace.code;
    let living = people.profiles.iter().filter(|profile| !profile.has_become_another());
    match living.count() {
        _ if people.links() => None,
        0 => Some(anyhow!("no profile has this partner's ID of namespace `{code}`")),
        1 => None,
        _ if all => None,
        several => Some(anyhow!(
            "{several} people have this partner's ID of namespace `{code}`: name an identity of one of them, or say `--all`"
        )),
    }
}

/// Has people deleted, and answers with the receipt. Once a profile is closed, evaluations go on where this is
/// interrupted; the receipt is written after that, of what was closed, and whoever asks again writes the one that an
/// interruption has left out.
async fn delete(store: &Store, mut people: People, args: &Args) -> Result<Receipt> {
    let now = Timestamp::now();
    let id = under_way(store, &people).await?.unwrap_or_else(|| Ulid::generate().to_string());
    let suppression = Suppression { at: now, receipt: id.clone() };
    let mut closed = BTreeMap::new();
    for _ in 0..MOST_RACES {
        for profile in &people.profiles {
            match store.delete_person(&people.in_force.catalogue, &profile.id, &id, now).await? {
                Some(one) => _ = closed.insert(one.profile.id.clone(), one),
                None => store.suppress_identities(profile, &suppression).await?,
            }
        }
        if people.suppress(store, &suppression, &closed).await? {
            let receipt = keep_receipt(store, &people, suppression, &closed, args.reason.clone()).await?;
            withdraw(store, &people, closed).await?;
            return Ok(receipt);
        }
        // Somebody has taken the identity for a person meanwhile.
        people = People::find(store, &args.whom).await?;
    }
    Err(anyhow!("too many writers have taken the identity for others meanwhile: try again"))
}

/// The receipt of a deletion that was asked for before, where it is everybody's.
async fn under_way(store: &Store, people: &People) -> Result<Option<String>> {
    if people.profiles.is_empty() {
        let suppression = store.identities.suppression(&people.identity.key).await?;
        return Ok(suppression.map(|suppression| suppression.receipt));
    }
    let living = people.profiles.iter().filter(|profile| !profile.has_become_another());
    let mut receipts: BTreeSet<Option<&str>> = living.map(|profile| profile.graph.receipt()).collect();
    let first = receipts.pop_first().flatten();
    Ok(first.filter(|_| receipts.is_empty()).map(str::to_owned))
}

impl People {
    /// Suppresses the identity that was asked for, whatever graphs say of it. Says whether that is done: not, where
    /// it is somebody's who is not closed.
    async fn suppress(
        &self,
        store: &Store,
        suppression: &Suppression,
        closed: &BTreeMap<ProfileId, Closed>,
    ) -> Result<bool> {
        if !self.links() {
            return Ok(true);
        }
        let identity = &self.identity.key;
        let mut holder = store.identities.suppress(identity, None, suppression).await?;
        if let Holder::Profile(named) = &holder {
            // What links to somebody who is gone is nobody's.
            let is_free = store
                .live(named)
                .await?
                .is_none_or(|(live, graph)| closed.contains_key(&live) || graph.is_closed());
            if is_free {
                holder = store.identities.suppress(identity, Some(named), suppression).await?;
            }
        }
        let is_suppressed = holder == Holder::Suppressed;
        if is_suppressed && self.namespace.code.as_str() == ECID {
            store.visitors.suppress(identity, suppression.at).await?;
        }
        Ok(is_suppressed)
    }
}

/// Writes the receipt of what was closed, or adds to it what an earlier call did not know of.
async fn keep_receipt(
    store: &Store,
    people: &People,
    suppression: Suppression,
    closed: &BTreeMap<ProfileId, Closed>,
    reason: Option<String>,
) -> Result<Receipt> {
    let Suppression { at, receipt: id } = suppression;
    let known = store.ledger.receipt(&id).await?;
    let mut receipt = known.clone().unwrap_or_else(|| {
        let identities = closed.values().flat_map(|closed| closed.profile.graph.identities.keys());
        let own = people.links().then_some(&people.identity.key);
        let suppressed: BTreeSet<_> = identities.chain(own).collect();
        let days = |days| at.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
        Receipt {
            id,
            at,
            by: user(),
            reason,
            suppressed: u64::try_from(suppressed.len()).unwrap_or(u64::MAX),
            found: BTreeMap::new(),
            earlier: BTreeMap::new(),
            goes: LIFECYCLES.iter().map(|(what, kept)| ((*what).to_owned(), days(*kept))).collect(),
        }
    });
    for (id, Closed { profile, receipt: of, .. }) in closed {
        if *of == receipt.id && !receipt.found.contains_key(id) {
            let mut found = found(profile);
            for part in with_owing(store, id).await? {
                found.delivered.extend(delivered(&part));
            }
            receipt.found.insert(id.clone(), found);
        } else if *of != receipt.id {
            receipt.earlier.insert(id.clone(), of.clone());
        }
    }
    if known.as_ref() != Some(&receipt) {
        store.ledger.keep_receipt(&receipt).await?;
    }
    Ok(receipt)
}

/// What is stored of a profile, and where something of it stands.
fn found(profile: &Profile) -> Found {
    let partner_ids = profile.fragments.values().map(|fragment| fragment.partner_ids.len()).sum();
    let visitors = profile.graph.visitors().count();
    let counts = [
        ("identities", profile.graph.identities.len()),
        ("fragments", profile.fragments.len()),
        ("references of partner IDs", partner_ids),
        ("memberships", profile.memberships.audiences.len()),
        ("visitors", visitors),
        ("delivery states", profile.deliveries.len()),
    ];
    let items: BTreeMap<String, u64> = counts
        .into_iter()
        .map(|(what, count)| (what.to_owned(), u64::try_from(count).unwrap_or(u64::MAX)))
        .collect();
    Found { items, delivered: delivered(profile) }
}

/// Where something of a profile stands, or may, and since when.
fn delivered(profile: &Profile) -> BTreeMap<DataflowName, Option<Timestamp>> {
    let standing = profile.deliveries.iter().filter(|(_, delivery)| Delivery::stands(delivery));
    let since = |delivery: &Delivery| delivery.may_stand().iter().map(|sent| sent.at).min();
    standing.map(|(name, delivery)| (name.clone(), since(delivery))).collect()
}

/// Marks what stands of people who are closed, and wakes those who are to withdraw it.
async fn withdraw(store: &Store, people: &People, closed: BTreeMap<ProfileId, Closed>) -> Result<()> {
    let now = Timestamp::now();
    let sweep = store.sweep(&people.in_force, now);
    let all = people.in_force.catalogue.dataflows.keys().collect();
    for Closed { profile, visitors, .. } in closed.into_values() {
        for dataflow in &sweep.mark(&profile, &all, now).await?.marked {
            store.queues.wake(dataflow, now).await?;
        }
        let visits: Vec<Visit> = visitors.into_iter().map(Visit::anew).collect();
        store.queues.link(&visits).await?;
    }
    Ok(())
}
