//! Whether the story came out as the generator's seed predicts.

use std::collections::{BTreeMap, BTreeSet};

use anstream::println;

use super::outcome::Outcome;
use super::reports::{Batch, Known, Refusal, Summary};
use super::story::{ANSWERS, CUSTOMERS, Expected, PROSPECTS, SEED};
use crate::style::{GREEN, RED, heading};

/// The SHA-256 of `bobby.bank@example.com`: worked out by hand, so that it is not the plugin's own word.
const BOBBY: &str = "3974c1557c66a5b8598975b23ee973926e7ca8960c4ab996dc5bff29b37d3fdb";

/// What should be, and what is.
pub struct Check {
    what: String,
    expected: String,
    found: String,
}

impl Check {
    /// A check of something that can be told.
    pub fn of<T: ToString>(what: impl Into<String>, expected: T, found: T) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// A check of what can only be right or wrong.
    pub fn that(what: impl Into<String>, holds: bool) -> Self {
        let word = |holds| if holds { "yes" } else { "no" };
        Self::of(what, word(true), word(holds))
    }
}

/// Compares.
pub fn of(expected: &Expected, outcome: &Outcome) -> Vec<Check> {
    let Expected { customers, answer } = expected;
    let mut checks = vec![Check::of("batches", 2, outcome.batches.len())];
    for (batch, (dataset, summary)) in outcome.batches.iter().zip([(CUSTOMERS, customers), (ANSWERS, answer)])
    {
        checks.extend(of_batch(dataset, summary, batch));
    }
    if let Some(batch) = outcome.batches.first() {
        checks.push(Check::of(format!("`{CUSTOMERS}`: new profiles"), customers.matched, batch.created));
    }
    checks.extend(outcome.batches.get(1).into_iter().flat_map(|batch| of_answer(answer, batch)));
    checks.push(Check::of("seed file: rows", size(customers, SEED), outcome.seed.rows));
    checks.extend(of_audiences(answer, outcome));
    checks.extend(of_destinations(size(answer, PROSPECTS), outcome));
    checks.push(Check::of("profiles with Bobby Bank's address", 1, outcome.bobby.len()));
    checks.extend(outcome.bobby.iter().flat_map(|profile| of_bobby(&profile.known)));
    checks.extend(of_refusal(outcome));
    checks
}

/// Prints all of them, and answers how many do not hold.
pub fn show(question: &str, checks: &[Check]) -> usize {
    heading(question);
    for Check { what, expected, found } in checks {
        if expected == found {
            println!("  {GREEN}ok{GREEN:#}      {what:<58}{found}");
        } else {
            println!("  {RED}FAILED{RED:#}  {what:<58}{found}, expected {expected}");
        }
    }
    checks.iter().filter(|check| check.expected != check.found).count()
}

fn size(summary: &Summary, audience: &str) -> u64 {
    summary.expected.get(audience).copied().unwrap_or_default()
}

fn of_batch(dataset: &str, summary: &Summary, batch: &Batch) -> Vec<Check> {
    let what = |what: &str| format!("`{dataset}`: {what}");
    let mut failed = summary.broken.clone();
    if summary.duplicates > 0 {
        failed.insert("duplicate".to_owned(), summary.duplicates);
    }
    vec![
        Check::of(what("status"), "success", batch.status.as_str()),
        Check::of(what("rows received"), summary.rows, batch.received),
        Check::of(what("rows ingested"), summary.matched, batch.ingested),
        Check::of(what("rows set aside"), by_code(&failed), by_code(&batch.failed)),
        Check::of(what("rows about strangers"), summary.unmatched, batch.unmatched),
    ]
}

fn of_answer(answer: &Summary, batch: &Batch) -> Vec<Check> {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let rate = answer.matched as f64 / (answer.matched + answer.unmatched).max(1) as f64;
    let percent = |rate: f64| format!("{:.2} %", rate * 100.0);
    let found = percent(batch.match_rate.unwrap_or_default());
    vec![
        Check::of(format!("`{ANSWERS}`: rows about customers"), answer.matched, batch.matched),
        Check::of(format!("`{ANSWERS}`: match rate"), percent(rate), found),
    ]
}

fn of_audiences(answer: &Summary, outcome: &Outcome) -> Vec<Check> {
    let realized = outcome.latest_run().map(|run| &run.realized);
    let found = |audience: &String| realized.and_then(|realized| realized.get(audience)).copied();
    let check = |(audience, size): (&String, &u64)| {
        Check::of(format!("`{audience}`: members"), *size, found(audience).unwrap_or_default())
    };
    answer.expected.iter().map(check).collect()
}

fn of_destinations(members: u64, outcome: &Outcome) -> Vec<Check> {
    let facebook = &outcome.facebook;
    vec![
        Check::of("Facebook: audiences", 1, facebook.audiences),
        Check::of("Facebook: members", members, facebook.members.len() as u64),
        Check::of(
            "Facebook: members that are a SHA-256 and nothing else",
            members,
            facebook.hashes.len() as u64,
        ),
        Check::that("Facebook: holds the SHA-256 of Bobby Bank's address", facebook.hashes.contains(BOBBY)),
        Check::of("Facebook: calls that it refused", 0, facebook.refused),
        Check::of("agency: rows", members, outcome.agency.rows),
        Check::of("clear e-mail addresses in all that left", 0, outcome.clear),
    ]
}

fn of_bobby(known: &Known) -> Vec<Check> {
    let mut linked: Vec<&str> =
        known.linked_identities.iter().map(|identity| identity.namespace.code.as_str()).collect();
    linked.sort_unstable();
    let partner_ids: Vec<&str> =
        known.partner_ids.iter().map(|identity| identity.namespace.code.as_str()).collect();
    let of_partner = known.partners.get("northlight").map(|partner| partner.attributes.as_slice());
    let says = |field: &str| {
        of_partner.unwrap_or_default().iter().any(|each| each.field == field && each.dataset == ANSWERS)
    };
    let of_bank = known.first_party.iter().all(|each| each.dataset == CUSTOMERS);
    let is_delivered = known.deliveries.iter().any(|delivery| {
        delivery.dataflow == "prospects_to_facebook" && delivery.state.starts_with("delivered")
    });
    vec![
        Check::of("Bobby Bank: linked identities", "CRMID, Email, Phone_E.164".to_owned(), linked.join(", ")),
        Check::of(
            "Bobby Bank: partner IDs, apart from them",
            "NorthlightID".to_owned(),
            partner_ids.join(", "),
        ),
        Check::that("Bobby Bank: net worth, as the partner says", says("partner.netWorthBand")),
        Check::that("Bobby Bank: mortgage, as the partner says", says("partner.recentMortgageLikelihood")),
        Check::that("Bobby Bank: what the bank knew is its own", of_bank && !known.first_party.is_empty()),
        Check::that("Bobby Bank: a prospect", known.audiences.iter().any(|audience| audience == PROSPECTS)),
        Check::that("Bobby Bank: delivered to Facebook", is_delivered),
    ]
}

fn of_refusal(outcome: &Outcome) -> Vec<Check> {
    let refusals: Vec<&Refusal> = outcome.refused.refusals.iter().map(|record| &record.refusal).collect();
    let causes: BTreeSet<&str> =
        refusals.iter().flat_map(|refusal| refusal.cause.keys()).map(String::as_str).collect();
    let of_partner = |refusal: &&Refusal| refusal.lineage.iter().all(|way| way.dataset == ANSWERS);
    let reads = |field: &str| {
        let mut refusals = refusals.iter();
        refusals.all(|refusal| refusal.lineage.iter().any(|way| way.field == field))
    };
    let both = reads("partner.netWorthBand") && reads("partner.recentMortgageLikelihood");
    let cured = outcome.refused.cures.iter().any(|each| !each.cures.is_empty());
    vec![
        Check::of("the refused dataflow: state", "BLOCKED", outcome.refused.state.as_str()),
        Check::that(
            "the refused dataflow: by contract and policy",
            causes == ["contract_forbids", "policy"].into(),
        ),
        Check::that("the refused dataflow: through the partner's data only", refusals.iter().all(of_partner)),
        Check::that("the refused dataflow: through both fields of the audience", both),
        Check::that("the refused dataflow: says what would cure it", cured),
        Check::of("the refused dataflow: files written", 0, outcome.refused_files),
    ]
}

/// `3 missing_identity, 7 wrong_type`.
fn by_code(counts: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    counts.join(", ")
}
