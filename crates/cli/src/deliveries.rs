//! `tributary deliveries unknown` and `tributary delivery decide`: calls that were made and never answered, where the
//! vendor's call may not be made twice. A person finds out what became of them, and says so here.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use aws::{Settlement, Store};
use clap::{Args, Parser, Subcommand};
use domain::delivery::{Delivery, Fate, Operation};
use domain::identity::ProfileId;
use domain::name::DataflowName;
use jiff::Timestamp;
use serde::Serialize;

use crate::FINDINGS;
use crate::connection::{dataflow, in_force, with_store};
use crate::table::Table;
use crate::terminal::{self, Format, GREEN, count, print};
use crate::words::time;

/// Look at deliveries
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    Unknown(UnknownArgs),
}

/// List the calls of a dataflow whose fate is unknown
///
/// All profiles are read for it: `tributary dataflows` says for less whether there are any.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary deliveries unknown --dataflow prospects_to_file

Exit codes: 0 there are none; 1 there are; 2 could not be done.")]
pub(crate) struct UnknownArgs {
    /// The dataflow
    #[arg(long)]
    dataflow: DataflowName,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Decide on deliveries
#[derive(Debug, Subcommand)]
pub(crate) enum DecideCommand {
    Decide(DecideArgs),
}

/// Say what became of a call whose fate is unknown
///
/// The vendor has been asked, or its log been read. The delivery is looked at again afterwards: what is still wanted
/// and does not stand is sent, what stands and is not wanted is withdrawn.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  tributary delivery decide --dataflow prospects_to_file --profile 7068dc39be88332324316bb359a10e78 --sent
  tributary delivery decide --dataflow prospects_to_file --profile 7068dc39be88332324316bb359a10e78 --not-sent

Exit codes: 0 written down; 1 there is nothing to decide; 2 could not be done.")]
pub(crate) struct DecideArgs {
    /// The dataflow
    #[arg(long)]
    dataflow: DataflowName,
    /// The profile
    #[arg(long)]
    profile: ProfileId,
    #[command(flatten)]
    fate: FateArgs,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct FateArgs {
    /// The vendor has done what it was asked for
    #[arg(long)]
    sent: bool,
    /// The vendor has done nothing
    #[arg(long)]
    not_sent: bool,
}

/// A call whose fate is unknown.
#[derive(Debug, Serialize)]
struct Call {
    profile: ProfileId,
    attempt: String,
    operation: Operation,
    /// When the worker gave up waiting for its answer.
    deadline: Timestamp,
}

pub(crate) fn unknown(command: &ListCommand) -> Result<ExitCode> {
    let ListCommand::Unknown(args) = command;
    with_store(async |store| {
        let catalogue = in_force(store).await?.catalogue;
        let dataflow = dataflow(&catalogue, &args.dataflow)?;
        let calls = calls(store.profiles.unknown(&dataflow.name).await?);
        match args.format {
            Format::Json => terminal::print_json(&calls)?,
            Format::Text => print!("{}", text(&calls)),
        }
        Ok(if calls.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
    })
}

pub(crate) fn decide(command: &DecideCommand) -> Result<ExitCode> {
    let DecideCommand::Decide(args) = command;
    let fate = if args.fate.sent { Fate::Made } else { Fate::NotMade };
    with_store(async |store| {
        let in_force = in_force(store).await?;
        dataflow(&in_force.catalogue, &args.dataflow)?;
        if !settle(store, args, fate, in_force.sequence).await? {
            let (profile, dataflow) = (&args.profile, &args.dataflow);
            terminal::print_error(&anyhow::anyhow!(
                "profile {profile} has no call of unknown fate in dataflow `{dataflow}`: look at `tributary deliveries unknown`"
            ));
            return Ok(ExitCode::from(FINDINGS));
        }
        match args.format {
            Format::Json => {
                terminal::print_json(&serde_json::json!({ "decided": true, "sent": args.fate.sent }))?
            }
            Format::Text => print!("{GREEN}written down{GREEN:#}: the delivery is looked at again\n"),
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes a decision down, marks the delivery and wakes its dataflow. Says whether there was anything to decide.
async fn settle(store: &Store, args: &DecideArgs, fate: Fate, sequence: u64) -> Result<bool> {
    let now = Timestamp::now();
    let profile = store.profiles.load(&args.profile).await?;
    let delivery = profile.as_ref().and_then(|profile| profile.deliveries.get(&args.dataflow));
    let Some((delivery, decided)) =
        delivery.and_then(|delivery| Some((delivery, delivery.decided(fate, sequence, now)?)))
    else {
        return Ok(false);
    };
    let settlement = Settlement {
        attempt: Some(&decided.attempt),
        sent: decided.sent.as_ref(),
        outcome: &decided.outcome,
        failures: 0,
        done: false,
        generation: delivery.generation,
        due: now,
        keep_intent: false,
    };
    if !store.profiles.settle(&args.profile, &args.dataflow, &settlement).await? {
        bail!("somebody else has decided on this call meanwhile: look at it again");
    }
    // A crash before this leaves a state that lags, which the next run marks.
    store.profiles.mark(&args.profile, &args.dataflow, now).await?;
    store
        .queues
        .wake(&args.dataflow, now)
        .await
        .context("the decision stands; the next run wakes the dataflow")?;
    Ok(true)
}

fn calls(found: Vec<(ProfileId, Delivery)>) -> Vec<Call> {
    let call = |(profile, delivery): (ProfileId, Delivery)| {
        let intent = delivery.unknown()?;
        let (attempt, operation, deadline) = (intent.attempt.clone(), intent.operation, intent.deadline);
        Some(Call { profile, attempt, operation, deadline })
    };
    let mut calls: Vec<Call> = found.into_iter().filter_map(call).collect();
    calls.sort_by(|one, other| (&one.attempt, &one.profile).cmp(&(&other.attempt, &other.profile)));
    calls
}

fn text(calls: &[Call]) -> String {
    if calls.is_empty() {
        return "the fate of every call is known\n".to_owned();
    }
    let mut table = Table::of(["profile", "attempt", "operation", "unanswered since"]);
    for call in calls {
        table.row([
            (&call.profile).into(),
            call.attempt.as_str().into(),
            call.operation.into(),
            time(call.deadline).into(),
        ]);
    }
    let calls = count(calls.len(), "call");
    format!("{table}{calls} of unknown fate: ask the vendor, then `tributary delivery decide`\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::plain;

    fn delivery(attempt: &str) -> Delivery {
        serde_json::from_value(serde_json::json!({
            "gen": 3,
            "intent": {
                "attempt": attempt, "operation": "add", "cells": {"email": "bobby.bank@example.com"},
                "source": "s1", "deadline": "2026-01-31T12:02:00Z",
            },
            "outcome": {"at": "2026-01-31T12:03:00Z", "result": "unknown", "attempt": attempt},
        }))
        .unwrap()
    }

    #[test]
    fn calls_are_listed_by_attempt_without_what_was_sent() {
        let id = |digit: char| digit.to_string().repeat(32).parse().unwrap();
        let found = vec![(id('b'), delivery("01B")), (id('c'), delivery("01A")), (id('a'), delivery("01B"))];
        let calls = calls(found);
        let shown = format!("{}{}", text(&calls), serde_json::to_string(&calls).unwrap());
        assert!(!shown.contains("bobby"), "{shown}");
        insta::assert_snapshot!(plain(&text(&calls)));
    }
}
