//! `tributary privacy status`: how far a deletion is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use aws::{Receipt, Store};
use clap::Parser;
use domain::delivery::{Delivery, OutcomeResult};
use domain::identity::ProfileId;
use domain::name::DataflowName;
use domain::profile::Profile;
use jiff::Timestamp;
use serde::Serialize;

use crate::FINDINGS;
use crate::connection::with_store;
use crate::terminal::{self, BOLD, Format, GREEN, YELLOW, print};
use crate::words::{number, time};

/// Show how far the deletion of a person is
///
/// The receipt, which holds nothing of the person, with what is left to be done.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary privacy status 01KEXAMPLERECEPT0000000000
  tributary privacy status 01KEXAMPLERECEPT0000000000 --format json

Exit codes: 0 the person is erased; 1 something is left to be withdrawn or erased; 2 could not be done.")]
pub(crate) struct Args {
    /// The receipt's id
    receipt: String,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    with_store(async |store| {
        let receipt = store.ledger.receipt(&args.receipt).await?;
        let receipt = receipt.with_context(|| format!("there is no receipt `{}`", args.receipt))?;
        let status = Status::of(store, receipt).await?;
        match args.format {
            Format::Json => terminal::print_json(&status)?,
            Format::Text => print!("{}", status.text()),
        }
        Ok(if status.done { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    })
}

/// A receipt, and how far it is.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    #[serde(flatten)]
    receipt: Receipt,
    /// Whether every profile is erased.
    done: bool,
    profiles: BTreeMap<ProfileId, State>,
}

/// How far a profile's deletion is.
#[derive(Debug, Default, PartialEq, Serialize)]
struct State {
    /// Dataflows of which something stands, or may stand.
    standing: BTreeSet<DataflowName>,
    /// Of these, those of whose last call nobody knows the fate: a person has to decide on it.
    unknown: BTreeSet<DataflowName>,
    /// Of those that stand, why the last step came to nothing, where it did.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    problems: BTreeMap<DataflowName, String>,
    /// When each dataflow's withdrawal was confirmed.
    withdrawn: BTreeMap<DataflowName, Timestamp>,
    /// When the profile was erased.
    erased: Option<Timestamp>,
}

impl Status {
    /// How far the deletion of a receipt is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) async fn of(store: &Store, receipt: Receipt) -> Result<Status> {
        let mut erasures = store.ledger.erasures(&receipt.id).await?;
        let own = receipt.found.keys().chain(erasures.iter().map(|erasure| &erasure.profile));
        let mut all: BTreeSet<ProfileId> = own.cloned().collect();
        for (id, earlier) in &receipt.earlier {
            all.insert(id.clone());
            erasures.extend(store.ledger.erasures(earlier).await?);
        }
        let mut profiles = BTreeMap::new();
        for id in all {
            let erasure = erasures.iter().find(|erasure| erasure.profile == id);
            let mut state = State::default();
            if erasure.is_none_or(|erasure| erasure.ended.is_none()) {
                // Until the end is noted it is the profile that tells.
                for profile in with_owing(store, &id).await? {
                    state.add(&profile);
                }
            }
            if let Some(erasure) = erasure {
                state.withdrawn.extend(erasure.withdrawn.clone());
                state.erased = erasure.ended;
            }
            profiles.insert(id, state);
        }
        let done = profiles.values().all(|state| state.erased.is_some());
        Ok(Status { receipt, done, profiles })
    }

    /// Whether nobody was found who had the identity.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.profiles.is_empty()
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let Receipt { id, at, by, reason, suppressed, found, earlier, goes } = &self.receipt;
        let mut text = format!("{BOLD}receipt {id}{BOLD:#}\n  asked for  {} by {by}", time(*at));
        if let Some(reason) = reason {
            let _ = write!(text, ": {reason}");
        }
        let _ = writeln!(text, "\n  suppressed {}", plural(*suppressed, "identity", "identities"));
        for (profile, state) in &self.profiles {
            let _ = writeln!(text, "  profile    {profile}: {}", state.text());
            if let Some(earlier) = earlier.get(profile) {
                let _ = writeln!(text, "    deleted before: receipt {earlier}");
            }
            for (what, count) in found.get(profile).iter().flat_map(|found| &found.items) {
                let _ = writeln!(text, "    {what}: {}", number(*count));
            }
            for (dataflow, reason) in &state.problems {
                let _ = writeln!(text, "    `{dataflow}` last came to nothing: {reason}");
            }
            for (dataflow, at) in &state.withdrawn {
                let _ = writeln!(text, "    withdrawn from `{dataflow}`: {}", time(*at));
            }
        }
        text.push_str("  goes by itself, if it is there:\n");
        for (what, at) in goes {
            let _ = writeln!(text, "    by {}  {what}", at.strftime("%Y-%m-%d"));
        }
        text
    }
}

impl State {
    /// Adds what a profile tells that is not erased.
    fn add(&mut self, profile: &Profile) {
        for (dataflow, delivery) in &profile.deliveries {
            if delivery.stands() {
                self.standing.insert(dataflow.clone());
                self.problems.extend(problem(delivery).map(|reason| (dataflow.clone(), reason.to_owned())));
            }
            self.withdrawn.extend(delivery.withdrawn().map(|at| (dataflow.clone(), at)));
            if delivery.unknown().is_some() {
                self.unknown.insert(dataflow.clone());
            }
        }
    }

    fn text(&self) -> String {
        let names = |names: &BTreeSet<DataflowName>| {
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        match self.erased {
            Some(at) => format!("{GREEN}erased{GREEN:#} {}", time(at)),
            None if !self.unknown.is_empty() => format!(
                "{YELLOW}waits for a decision{YELLOW:#} on {}: see `tributary deliveries unknown`",
                names(&self.unknown)
            ),
            None if !self.standing.is_empty() => {
                format!("{YELLOW}being withdrawn{YELLOW:#} from {}", names(&self.standing))
            }
            None => format!("{YELLOW}withdrawn{YELLOW:#}, erased by the next evaluation"),
        }
    }
}

/// A profile, if it is there, and those that have become part of it and still owe a destination something.
pub(super) async fn with_owing(store: &Store, id: &ProfileId) -> Result<Vec<Profile>> {
    let Some(profile) = store.profiles.load(id).await? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for part in &profile.graph.owing {
        all.extend(store.profiles.load_all(part).await?);
    }
    all.insert(0, profile);
    Ok(all)
}

/// Why the last step of a delivery was not made.
fn problem(delivery: &Delivery) -> Option<&str> {
    match &delivery.outcome.as_ref()?.result {
        OutcomeResult::SetAside { reason, .. }
        | OutcomeResult::Held { reason }
        | OutcomeResult::Failed { reason } => Some(reason),
        OutcomeResult::Delivered { .. } | OutcomeResult::Unknown { .. } => None,
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}
