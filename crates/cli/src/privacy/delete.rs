//! `tributary privacy delete`: has a person withdrawn everywhere, then erased.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anstream::print;
use anyhow::{Result, anyhow};
use aws::{Found, Receipt, Store, Suppression};
use clap::Parser;
use domain::delivery::Delivery;
use domain::namespace::ECID;
use domain::profile::Profile;
use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::{People, Whom, status};
use crate::FINDINGS;
use crate::connection::{user, with_store};
use crate::terminal::{self, Format};

/// What may hold something of a person besides the tables, and for how many days it does at most, as the deployment's
/// template has it.
const LIFECYCLES: [(&str, i64); 8] = [
    ("inbox: files in which the person stands, and their versions", 120),
    ("staging: rows on their way", 21),
    ("quarantine: rows that were set aside", 30),
    ("delivery log: the profile's id, no value", 90),
    ("exports: files that were written for others to take", 30),
    ("events: as the visitor's browser sent them (parameter EventsRetentionDays)", 365),
    ("changes that could not be dispatched", 14),
    ("backups of the tables (point-in-time recovery)", 35),
];

/// Delete a person: withdrawn from every destination first, then erased
///
/// Every identity of the person is suppressed at once: rows, replayed events and logins that name one are refused from
/// then on, with the code `suppressed`, and nothing of them is stored. Then everything that was sent is withdrawn, by
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
        let now = Timestamp::now();
        let mut people = People::find(store, &args.whom, now).await?;
        people.settle(store, now).await?;
        if let Some(objection) = objection(&people, args.all) {
            terminal::print_error(&objection);
            return Ok(ExitCode::from(FINDINGS));
        }
        let receipt = match under_way(store, &people).await? {
            Some(receipt) => receipt,
            None => {
                let receipt = receipt_of(&people, args.reason.clone(), now);
                store.ledger.keep_receipt(&receipt).await?;
                receipt
            }
        };
        delete(store, &people, &receipt).await?;
        let status = status::Status::of(store, receipt).await?;
        match args.format {
            Format::Json => terminal::print_json(&status)?,
            Format::Text => print!("{}", status.text()),
        }
        Ok(if status.is_of_nobody() { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
    })
}

impl People {
    /// Brings what is on its way to people, so that what is counted of them is all that there is, and leaves those
    /// profiles out that have become others.
    async fn settle(&mut self, store: &Store, now: Timestamp) -> Result<()> {
        self.profiles.retain(|profile| !profile.has_become_another());
        for profile in &mut self.profiles {
            if !profile.graph.arriving.is_empty() {
                store.settle(&self.in_force.catalogue, &profile.id, now).await?;
                if let Some(settled) = store.profiles.load(&profile.id).await? {
                    *profile = settled;
                }
            }
        }
        Ok(())
    }
}

fn objection(people: &People, all: bool) -> Option<anyhow::Error> {
    let code = &people.namespace.code;
    match people.profiles.len() {
        _ if people.links() => None,
        0 => Some(anyhow!("no profile has this partner's ID of namespace `{code}`")),
        1 => None,
        _ if all => None,
        several => Some(anyhow!(
            "{several} people have this partner's ID of namespace `{code}`: name an identity of one of them, or say `--all`"
        )),
    }
}

/// The receipt of a deletion that was asked for before, where it is everybody's.
async fn under_way(store: &Store, people: &People) -> Result<Option<Receipt>> {
    let mut receipts: BTreeSet<Option<String>> =
        people.profiles.iter().map(|profile| profile.graph.receipt().map(str::to_owned)).collect();
    if people.profiles.is_empty() {
        let suppression = store.identities.suppression(&people.identity.key).await?;
        receipts.insert(suppression.map(|suppression| suppression.receipt));
    }
    match (receipts.pop_first().flatten(), receipts.is_empty()) {
        (Some(receipt), true) => Ok(store.ledger.receipt(&receipt).await?),
        _ => Ok(None),
    }
}

fn receipt_of(people: &People, reason: Option<String>, now: Timestamp) -> Receipt {
    let identities = people.profiles.iter().flat_map(|profile| profile.graph.identities.keys());
    let own = people.links().then_some(&people.identity.key);
    let suppressed: BTreeSet<_> = identities.chain(own).collect();
    let days = |days| now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(Timestamp::MAX);
    Receipt {
        id: Ulid::generate().to_string(),
        at: now,
        by: user(),
        reason,
        suppressed: u64::try_from(suppressed.len()).unwrap_or(u64::MAX),
        found: people.profiles.iter().map(|profile| (profile.id.clone(), found(profile))).collect(),
        goes: LIFECYCLES.iter().map(|(what, kept)| ((*what).to_owned(), days(*kept))).collect(),
    }
}

/// What is stored of a profile, and where something of it stands.
fn found(profile: &Profile) -> Found {
    let partner_ids = profile.fragments.values().map(|fragment| fragment.partner_ids.len()).sum();
    let visitors = profile.graph.identities.values().filter(|node| node.namespace.as_str() == ECID).count();
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
    let standing = profile.deliveries.iter().filter(|(_, delivery)| Delivery::stands(delivery));
    let since = |delivery: &Delivery| delivery.may_stand().iter().map(|sent| sent.at).min();
    let delivered = standing.map(|(name, delivery)| (name.clone(), since(delivery)));
    Found { items, delivered: delivered.collect() }
}

/// Closes profiles, suppresses identities, and wakes those who are to withdraw. Once a profile is closed, evaluations go
/// on where this is interrupted.
async fn delete(store: &Store, people: &People, receipt: &Receipt) -> Result<()> {
    if people.links() {
        let suppression = Suppression { at: receipt.at, receipt: receipt.id.clone() };
        store.identities.suppress(&people.identity.key, None, &suppression).await?;
        if people.namespace.code.as_str() == ECID && people.profiles.is_empty() {
            store.visitors.suppress(&people.identity.key, receipt.at).await?;
        }
    }
    let catalogue = &people.in_force.catalogue;
    let sweep = store.sweep(&people.in_force, receipt.at);
    let all = catalogue.dataflows.keys().collect();
    for profile in &people.profiles {
        let closed = store.delete_person(catalogue, &profile.id, &receipt.id, receipt.at).await?;
        let Some(profile) = store.profiles.load(&closed.unwrap_or_else(|| profile.id.clone())).await? else {
            continue;
        };
        let now = Timestamp::now();
        for dataflow in &sweep.mark(&profile, &all, now).await?.marked {
            store.queues.wake(dataflow, now).await?;
        }
    }
    Ok(())
}
