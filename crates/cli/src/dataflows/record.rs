//! One dataflow with everything that is known of it.

use aws::RefusalRecord;
use domain::catalogue::Catalogue;
use domain::dataflow::{Dataflow, Mapping, Source};
use domain::governance::consent::RequiredConsent;
use domain::refusal::Refusal;
use serde::Serialize;

use super::{Line, count};
use crate::refusal::{self, Blocked, CuresOf};
use crate::table::{Table, card};
use crate::terminal::{DIM, GREEN, RED, YELLOW};
use crate::words::{consent, listed, state_cell, time};

/// A dataflow with everything that is known of it.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) dataflow: &'a Dataflow,
    pub(super) line: Line<'a>,
    /// Why it may not send now.
    pub(super) held: Option<String>,
    /// Where the credentials of its destination are to be; nothing where it needs none.
    pub(super) credentials: Option<Credentials>,
    pub(super) refusals: Vec<RefusalRecord>,
    /// What would cure what is refused now.
    pub(super) blocked: Vec<Blocked<'a>>,
}

/// The credentials of a destination, which nobody here reads.
#[derive(Debug, Serialize)]
pub(super) struct Credentials {
    /// The whole name of their secret.
    pub(super) secret: String,
    /// Whether there is no such secret, or no value in it.
    pub(super) missing: bool,
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    #[serde(flatten)]
    line: &'a Line<'a>,
    mapping: &'a [Mapping],
    held: Option<&'a str>,
    credentials: Option<&'a Credentials>,
    /// The consents that members are asked for.
    consents: &'a [RequiredConsent],
    refusals: &'a [RefusalRecord],
    cures: Vec<CuresOf<'a>>,
}

impl Record<'_> {
    pub(super) fn document(&self) -> Document<'_> {
        Document {
            line: &self.line,
            mapping: &self.dataflow.mapping,
            held: self.held.as_deref(),
            credentials: self.credentials.as_ref(),
            consents: &self.dataflow.consents,
            refusals: &self.refusals,
            cures: self.blocked.iter().map(Blocked::document).collect(),
        }
    }

    pub(super) fn text(&self) -> String {
        let mut text = card(&format!("Dataflow {}", self.dataflow.name), "", &self.facts());
        let mut mapping = Table::of(["the destination's word", "what it is given"]);
        for each in &self.dataflow.mapping {
            mapping.row([each.target.as_str().into(), source(&each.source).into()]);
        }
        text.push_str(&card("Mapping", "", &mapping.to_string()));
        for (refusal, said) in self.distinct_refusals() {
            for RefusalRecord { sequence, at, during, .. } in said {
                text.push_str(&format!("{DIM}{} during {during}, sequence {sequence}{DIM:#}\n", time(*at)));
            }
            text.push_str(&refusal::tree(refusal));
        }
        self.blocked.iter().for_each(|blocked| text.push_str(&blocked.cures_text()));
        text
    }

    /// Each refusal once, with every time that it was said: apply and delivery say the same.
    fn distinct_refusals(&self) -> Vec<(&Refusal, Vec<&RefusalRecord>)> {
        let mut distinct: Vec<(&Refusal, Vec<&RefusalRecord>)> = Vec::new();
        for record in &self.refusals {
            match distinct.iter_mut().find(|(refusal, _)| **refusal == record.refusal) {
                Some((_, said)) => said.push(record),
                None => distinct.push((&record.refusal, vec![record])),
            }
        }
        distinct
    }

    fn facts(&self) -> String {
        let Dataflow { audience, destination, state, .. } = self.dataflow;
        let mut table = Table::of(["", ""]);
        table.row(["state".into(), state_cell(state)]);
        table.row(["audience".into(), audience.into()]);
        table.row(["destination".into(), destination.into()]);
        if let Some(destination) = self.catalogue.destinations.get(destination) {
            table.row(["plugin".into(), destination.plugin.as_str().into()]);
            table.row(["for".into(), listed(&destination.marketing_actions).into()]);
        }
        for required in &self.dataflow.consents {
            table.row(["only who has".into(), consent(required).into()]);
        }
        if let Some(credentials) = &self.credentials {
            table.row(["secret".into(), credentials.secret.as_str().into()]);
        }
        table.row(["sent".into(), count(self.line.sent).into()]);
        if !self.dataflow.consents.is_empty() {
            table.row(["no consent".into(), count(self.line.withheld).into()]);
        }
        table.row(["unknown".into(), count(self.line.unknown).into()]);
        table.row(["marked".into(), count(self.line.marked).into()]);
        let verdict = match &self.held {
            None => format!("{GREEN}may send now{GREEN:#}"),
            Some(reason) => format!("{YELLOW}may not send now{YELLOW:#}: {reason}"),
        };
        let mut text = format!("{}{verdict}; removals pass\n", table.body());
        if let Some(Credentials { secret, missing: true }) = &self.credentials {
            text.push_str(&format!(
                "{RED}credentials are missing{RED:#}: nothing leaves, removals neither, before secret `{secret}` has a value\n"
            ));
        }
        text
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Identity(namespace) => format!("identity {namespace}"),
        Source::Field(path) => format!("field {path}"),
    }
}
