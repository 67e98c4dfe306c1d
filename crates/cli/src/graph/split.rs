//! `tributary graph split`: undoes a wrong merge.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use aws::{MOST_RELINKED, SplitRecord, Store, Visit};
use clap::Parser;
use domain::catalogue::Catalogue;
use domain::fragment::FragmentKey;
use domain::graph::linking::Rules;
use domain::graph::{Graph, Relinked, Split};
use domain::identity::{IdentityKey, ProfileId};
use domain::namespace::NamespaceCode;
use jiff::Timestamp;
use serde::Serialize;

use super::show::{Named, identity};
use crate::FINDINGS;
use crate::connection::{in_force, user, with_store};
use crate::terminal::{self, Format, GREEN, count, print};

/// Take an identity out of a person's graph, into a profile of its own
///
/// Undoes a wrong merge: the identity goes out with the records that are about it, and with those identities that
/// `--along` names. Says what would move; `--yes` does it.
///
/// The split is remembered: what records of before say of a link between the two sides does not count any more, however
/// often they are heard. A record of a later time that links them again is believed. Audiences of both are evaluated by
/// the next run, and what was sent is withdrawn or sent as they say.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary graph split --namespace Email --value shared@example.com --reason 'a junk address'
  tributary graph split --namespace Email --value shared@example.com --reason 'a junk address' --yes
  tributary graph split --namespace CRMID --value C-1 --along Email:bobby.bank@example.com --reason 'two people' --yes

Exit codes: 0 done, or shown; 1 there is nothing to split; 2 could not be done.")]
pub(crate) struct Args {
    #[command(flatten)]
    identity: Named,
    /// An identity that goes along, as `NAMESPACE:VALUE`; may be given more than once
    #[arg(long, value_name = "NAMESPACE:VALUE")]
    along: Vec<Along>,
    /// Why; it is kept with the graphs
    #[arg(long)]
    reason: String,
    /// Do it, and do not only say what would move
    #[arg(long)]
    yes: bool,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone)]
struct Along {
    namespace: NamespaceCode,
    value: String,
}

impl FromStr for Along {
    type Err = String;

    fn from_str(text: &str) -> Result<Along, String> {
        let (namespace, value) = text.split_once(':').ok_or("expected NAMESPACE:VALUE")?;
        let namespace = namespace.parse().map_err(|error| format!("{error}"))?;
        Ok(Along { namespace, value: value.to_owned() })
    }
}

/// What a split comes to.
#[derive(Debug, Serialize)]
struct Report {
    done: bool,
    from: ProfileId,
    /// The profile of the identity from now on; none where nothing is known of it but its links.
    to: Option<ProfileId>,
    identities: usize,
    fragments: BTreeSet<FragmentKey>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let in_force = in_force(store).await?;
        let catalogue = &in_force.catalogue;
        let Some((first, profile, graph)) = args.identity.find(store, catalogue).await? else {
            terminal::print_error(&args.identity.unknown());
            return Ok(ExitCode::from(FINDINGS));
        };
        if graph.is_closed() {
            terminal::print_error(&anyhow::anyhow!("the person is being deleted: nothing of them is split"));
            return Ok(ExitCode::from(FINDINGS));
        }
        let out = out(store, catalogue, args, first.key.clone(), &graph).await?;
        let rest: BTreeSet<_> = graph.identities.keys().filter(|key| !out.contains(*key)).cloned().collect();
        if rest.is_empty() {
            terminal::print_error(&anyhow::anyhow!(
                "the person has no other identity: there is nothing to split"
            ));
            return Ok(ExitCode::from(FINDINGS));
        }
        let now = Timestamp::now();
        let at = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let split = Split { out: out.clone(), rest, at, by: user(), reason: args.reason.clone() };
        let (keyring, rules) = (store.keyring().await?, Rules::of(&catalogue.namespaces));
        let relinked = store.plan_split(&keyring, &rules, (profile.clone(), graph), split).await?;
        let relinked = relinked.with_context(|| {
            format!("more than {MOST_RELINKED} links would change: split fewer identities at once")
        })?;
        let report = report(&profile, &first.key, &relinked, args.yes);
        if args.yes {
            let record = SplitRecord {
                at: now,
                by: user(),
                sequence: in_force.sequence,
                from: profile,
                to: report.to.clone(),
                identities: u64::try_from(report.identities).unwrap_or(u64::MAX),
            };
            write(store, catalogue, &relinked, &record).await?;
        }
        match args.format {
            Format::Json => terminal::print_json(&report)?,
            Format::Text => print!("{}", text(&report)),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The identities that go out.
async fn out(
    store: &Store,
    catalogue: &Catalogue,
    args: &Args,
    first: IdentityKey,
    graph: &Graph,
) -> Result<BTreeSet<IdentityKey>> {
    let mut out = BTreeSet::from([first]);
    for Along { namespace, value } in &args.along {
        let key = identity(store, catalogue, namespace, value).await?.key;
        if !graph.identities.contains_key(&key) {
            bail!("an identity of namespace `{namespace}` that is to go along is not this person's");
        }
        out.insert(key);
    }
    Ok(out)
}

/// Writes a split, and brings what belongs to the identities to where they are. What a crash leaves is brought by the next
/// evaluation.
async fn write(
    store: &Store,
    catalogue: &Catalogue,
    relinked: &Relinked,
    record: &SplitRecord,
) -> Result<()> {
    if !store.split(relinked, record).await? {
        bail!("somebody else has changed the graph meanwhile: look at it again");
    }
    for profile in relinked.awaiting() {
        let settled = store.settle(catalogue, profile, record.at).await?;
        let visits: Vec<Visit> = settled.visitors.into_iter().map(Visit::anew).collect();
        store.queues.link(&visits).await?;
    }
    Ok(())
}

fn report(from: &ProfileId, first: &IdentityKey, relinked: &Relinked, done: bool) -> Report {
    let born = relinked.graphs.iter().find(|(_, (_, graph))| graph.identities.contains_key(first));
    Report {
        done,
        from: from.clone(),
        to: born.map(|(profile, _)| profile.clone()),
        identities: relinked.moved.len(),
        fragments: born.map(|(_, (_, graph))| graph.fragments.clone()).unwrap_or_default(),
    }
}

fn text(report: &Report) -> String {
    let Report { done, from, to, identities, fragments } = report;
    let identities =
        if *identities == 1 { "1 identity".to_owned() } else { format!("{identities} identities") };
    let records = count(fragments.len(), "record");
    let to =
        to.as_ref().map_or_else(|| "nobody: nothing else is known".to_owned(), |to| format!("profile {to}"));
    let mut text = if *done {
        format!("{GREEN}split{GREEN:#}: {identities} with {records} went from profile {from} to {to}\n")
    } else {
        format!("{identities} with {records} would go from profile {from} to {to}\n")
    };
    for fragment in fragments {
        text.push_str(&format!("  {fragment}\n"));
    }
    if !done {
        text.push_str("nothing has changed: say `--yes` to do it\n");
    }
    text
}
