//! What happened, one event a line. Nobody is named: calls are told by how many records they had, splits by the ids of
//! profiles.

use std::collections::BTreeSet;

use aws::{Applied, RefusalRecord, SplitRecord};
use domain::catalogue::{Catalogue, CatalogueHash};
use domain::dataflow::State;
use domain::delivery::Operation;
use domain::delivery_log::LogEntry;
use domain::governance::PolicyStatus;
use domain::identity::ProfileId;
use domain::label::{Label, MarketingAction};
use domain::name::{AudienceName, DataflowName, DestinationName, PolicyName};
use domain::refusal::{Activation, Cause};
use jiff::Timestamp;
use serde::Serialize;

use crate::apply::short;
use crate::refusal::named;
use crate::table::{Cell, Table};
use crate::terminal::{BOLD, GREEN, YELLOW};
use crate::words::{NOTHING, listed, number, time};

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    /// The sequence of the catalogue under which it happened.
    pub(super) sequence: u64,
    #[serde(flatten)]
    pub(super) what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum What {
    /// A catalogue came into force.
    Applied {
        catalogue: CatalogueHash,
        by: String,
        allowed: BTreeSet<DataflowName>,
        blocked: BTreeSet<DataflowName>,
        policies: BTreeSet<PolicyName>,
    },
    /// A use was refused, for the first time under that catalogue.
    Refused {
        #[serde(flatten)]
        activation: Activation,
        audience: AudienceName,
        during: String,
        cause: Cause,
        actions: BTreeSet<MarketingAction>,
        labels: BTreeSet<Label>,
    },
    /// A vendor was called.
    Called(Box<Call>),
    /// A person took identities out of a graph.
    Split {
        by: String,
        from: ProfileId,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<ProfileId>,
        identities: u64,
    },
}

/// A call of a vendor: what left, or was withdrawn, and why that was allowed.
#[derive(Debug, Serialize)]
pub(super) struct Call {
    attempt: String,
    operation: Operation,
    dataflow: DataflowName,
    audience: AudienceName,
    destination: DestinationName,
    catalogue: CatalogueHash,
    /// What the destination does with data, as the catalogue says.
    actions: BTreeSet<MarketingAction>,
    /// The policies that were in force and let it pass.
    policies: BTreeSet<PolicyName>,
    /// The consent policies by which members were left out.
    consents: BTreeSet<PolicyName>,
    records: usize,
    rejected: usize,
    unattributed: usize,
    unconfirmed: usize,
    failed: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Event {
    /// An apply. What it allowed is what was noted with it; of applies before that was noted, what the catalogue says.
    pub(super) fn applied(applied: &Applied, catalogue: &Catalogue) -> Event {
        let (mut allowed, mut blocked) = (applied.allowed.clone(), applied.blocked.clone());
        if allowed.is_empty() && blocked.is_empty() {
            for (name, dataflow) in &catalogue.dataflows {
                match dataflow.state {
                    State::Active | State::Paused => _ = allowed.insert(name.clone()),
                    State::Blocked(_) => _ = blocked.insert(name.clone()),
                    State::Retiring => {}
                }
            }
        }
        let what = What::Applied {
            catalogue: applied.pointer.catalogue.clone(),
            by: applied.by.clone(),
            allowed,
            blocked,
            policies: policies(catalogue),
        };
        Event { at: applied.at, sequence: applied.pointer.sequence, what }
    }

    /// A refusal.
    pub(super) fn refused(record: RefusalRecord) -> Event {
        let RefusalRecord { sequence, at, during, refusal } = record;
        let what = What::Refused {
            activation: refusal.activation,
            audience: refusal.audience,
            during,
            cause: refusal.cause,
            actions: refusal.actions,
            labels: refusal.labels,
        };
        Event { at, sequence, what }
    }

    /// A split.
    pub(super) fn split(record: SplitRecord) -> Event {
        let SplitRecord { at, by, sequence, from, to, identities } = record;
        Event { at, sequence, what: What::Split { by, from, to, identities } }
    }

    /// A call, under a catalogue.
    pub(super) fn called(entry: LogEntry, catalogue: &Catalogue) -> Event {
        let destination = catalogue.destinations.get(&entry.destination);
        let dataflow = catalogue.dataflows.get(&entry.dataflow);
        let consents = dataflow.into_iter().flat_map(|dataflow| &dataflow.consents);
        let what = What::Called(Box::new(Call {
            actions: destination.map(|each| each.marketing_actions.clone()).unwrap_or_default(),
            policies: policies(catalogue),
            consents: consents.map(|required| required.policy.clone()).collect(),
            records: entry.profiles.len(),
            attempt: entry.attempt,
            operation: entry.operation,
            dataflow: entry.dataflow,
            audience: entry.audience,
            destination: entry.destination,
            catalogue: entry.catalogue,
            rejected: entry.rejected,
            unattributed: entry.unattributed,
            unconfirmed: entry.unconfirmed,
            failed: entry.failed,
            error: entry.error,
        }));
        Event { at: entry.at, sequence: entry.sequence, what }
    }
}

/// The policies of a catalogue that count.
fn policies(catalogue: &Catalogue) -> BTreeSet<PolicyName> {
    let is_enabled = |status: PolicyStatus| status == PolicyStatus::Enabled;
    let deny = catalogue.policies.values().filter(|policy| is_enabled(policy.status));
    let consent = catalogue.consent_policies.values().filter(|policy| is_enabled(policy.status));
    deny.map(|policy| policy.name.clone()).chain(consent.map(|policy| policy.name.clone())).collect()
}

/// The account as a table.
pub(super) fn table(events: &[Event]) -> Table {
    let mut table = Table::of(["when", "#catalogue", "what", "of", "#records", "account"]);
    for Event { at, sequence, what } in events {
        let [word, of, records, account] = what.cells();
        table.row([time(*at).into(), (*sequence).into(), word, of, records, account]);
    }
    table
}

impl What {
    fn cells(&self) -> [Cell; 4] {
        match self {
            What::Applied { catalogue, by, allowed, blocked, policies } => [
                Cell::styled("applied", BOLD),
                short(catalogue).into(),
                NOTHING.into(),
                format!(
                    "by {by}; allowed {}; blocked {}; policies {}",
                    listed(allowed),
                    listed(blocked),
                    listed(policies)
                )
                .into(),
            ],
            What::Refused { activation, audience, during, cause, .. } => [
                Cell::styled("refused", YELLOW),
                named(activation).replace('`', "").into(),
                NOTHING.into(),
                format!("during {during}, audience {audience}: {cause}").into(),
            ],
            What::Called(call) => [
                Cell::styled(call.operation.to_string(), GREEN),
                format!("dataflow {}", call.dataflow).into(),
                number(u64::try_from(call.records).unwrap_or(u64::MAX)).into(),
                call.account().into(),
            ],
            What::Split { by, from, to, identities } => {
                let to = to.as_ref().map_or_else(|| "nobody".to_owned(), |to| format!("profile {to}"));
                [
                    Cell::styled("split", YELLOW),
                    format!("profile {from}").into(),
                    NOTHING.into(),
                    format!("by {by}; identities {identities} to {to}").into(),
                ]
            }
        }
    }
}

impl Call {
    fn account(&self) -> String {
        let mut account = format!(
            "audience {} to destination {} for {}",
            self.audience,
            self.destination,
            listed(&self.actions)
        );
        let counts = [
            (self.rejected, "rejected"),
            (self.unattributed, "rejected without saying which"),
            (self.unconfirmed, "not confirmed yet"),
            (self.failed, "failed"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            account.push_str(&format!("; {count} {what}"));
        }
        if !self.consents.is_empty() {
            account.push_str(&format!("; by consent {}", listed(&self.consents)));
        }
        if let Some(error) = &self.error {
            account.push_str(&format!("; {error}"));
        }
        account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{self, plain};

    fn at(second: &str) -> Timestamp {
        format!("2026-01-31T12:00:{second}Z").parse().unwrap()
    }

    #[test]
    fn an_account_names_applies_refusals_calls_and_splits_and_nobody_who_was_sent() {
        let catalogue = example::catalogue();
        let hash = CatalogueHash::of(b"one");
        let pointer = domain::catalogue::Pointer { sequence: 1, catalogue: hash.clone() };
        let applied = Applied {
            pointer,
            at: at("00"),
            by: "dora".to_owned(),
            allowed: BTreeSet::new(),
            blocked: BTreeSet::new(),
        };
        let refusal = crate::apply::refusals(&catalogue).next().unwrap().clone();
        let refused = RefusalRecord { sequence: 1, at: at("01"), during: "apply".to_owned(), refusal };
        let recipient = "0123456789abcdef0123456789abcdef";
        let entry = LogEntry {
            attempt: "01A".to_owned(),
            at: at("02"),
            dataflow: "prospects_to_facebook".parse().unwrap(),
            audience: "high_earning_homeowner_prospects".parse().unwrap(),
            destination: "facebook".parse().unwrap(),
            operation: Operation::Add,
            sequence: 1,
            catalogue: hash,
            profiles: vec![recipient.parse().unwrap(); 3],
            rejected: 1,
            unattributed: 0,
            unconfirmed: 0,
            failed: 0,
            error: None,
        };
        let split = SplitRecord {
            at: at("03"),
            by: "dora".to_owned(),
            sequence: 1,
            from: "f".repeat(32).parse().unwrap(),
            to: None,
            identities: 2,
        };
        let events = [
            Event::applied(&applied, &catalogue),
            Event::refused(refused),
            Event::called(entry, &catalogue),
            Event::split(split),
        ];
        insta::assert_snapshot!(plain(&table(&events).to_string()));
        let lines: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        assert!(lines.iter().all(|line| !line.contains(recipient)), "{lines:?}");
        insta::assert_snapshot!(lines.join("\n"));
    }
}
