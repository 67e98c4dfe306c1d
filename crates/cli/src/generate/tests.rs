//! What is written is read back, and held against the summary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use domain::value::{self, Object, Value};
use records::{Reader, Rejected, Row};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::summary::Summary;
use super::*;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/securfinancial");

/// A folder for the files of one test.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    fn generate(&self, what: &str, dataset: &str, out: &str, arguments: &[&str]) -> Result<Summary> {
        let out = self.path(out);
        let fixed =
            ["generate", what, "--project", EXAMPLE, "--dataset", dataset, "--out", out.to_str().unwrap()];
        match Args::try_parse_from(fixed.iter().chain(arguments)).unwrap().what {
            What::Customers(args) => customers::write(&args),
            What::Answer(args) => answer::write(&args),
        }
    }

    fn customers(&self, out: &str, arguments: &[&str]) -> Summary {
        self.generate("customers", "crm_customers", out, arguments).unwrap()
    }

    /// Asks for everybody in `customers.csv`, in the order of the hashes.
    fn seed(&self) {
        let emails = rows("crm_customers", &self.bytes("customers.csv")).0;
        let hashes: BTreeSet<String> = emails
            .iter()
            .map(|row| hex::encode(Sha256::digest(text(&row.attributes, "personalEmail.address"))))
            .collect();
        let lines: Vec<String> = std::iter::once("email_sha256".to_owned()).chain(hashes).collect();
        fs::write(self.path("seed.csv"), lines.join("\n")).unwrap();
    }

    fn answer(&self, out: &str, arguments: &[&str]) -> Summary {
        let (seed, customers) = (self.path("seed.csv"), self.path("customers.csv"));
        let files = ["--seed-file", seed.to_str().unwrap(), "--customers", customers.to_str().unwrap()];
        let arguments: Vec<&str> = files.iter().chain(arguments).copied().collect();
        self.generate("answer", "northlight_enrichment", out, &arguments).unwrap()
    }
}

/// The good rows of a file, and those set aside.
fn rows(dataset: &str, file: &[u8]) -> (Vec<Row>, Vec<Rejected>) {
    let project = folder::load(EXAMPLE.as_ref()).unwrap();
    let catalogue = folder::catalogue(&project).unwrap();
    let dataset = &catalogue.datasets[&dataset.parse().unwrap()];
    let reader = Reader::new(file, dataset, &catalogue.schemas[&dataset.schema]).unwrap();
    let (good, bad): (Vec<_>, Vec<_>) = reader.map(Result::unwrap).partition(Result::is_ok);
    (good.into_iter().map(Result::unwrap).collect(), bad.into_iter().map(Result::unwrap_err).collect())
}

fn text<'a>(attributes: &'a Object, path: &str) -> &'a str {
    value::at(attributes, &path.parse().unwrap()).and_then(Value::as_str).unwrap()
}

/// The last row of everybody, by a field that tells them apart.
fn last_of_each(rows: Vec<Row>, path: &str) -> BTreeMap<String, Object> {
    rows.into_iter().map(|row| (text(&row.attributes, path).to_owned(), row.attributes)).collect()
}

fn codes(rejected: &[Rejected]) -> BTreeMap<&'static str, u64> {
    let mut codes = BTreeMap::new();
    for each in rejected {
        *codes.entry(each.code.as_str()).or_insert(0) += 1;
    }
    codes
}

/// The rule of the example's audience, by hand.
fn is_prospect(customer: &Object, said: Option<&Object>) -> bool {
    let at = |object: &Object, path: &str| value::at(object, &path.parse().unwrap()).cloned();
    let Some(said) = said else { return false };
    let likely = match at(said, "partner.recentMortgageLikelihood") {
        Some(Value::Double(likelihood)) => likelihood >= 0.7,
        Some(Value::Integer(likelihood)) => likelihood >= 1,
        _ => false,
    };
    let bands = ["500k_to_1m", "over_1m"].map(|band| Some(Value::String(band.to_owned())));
    likely
        && bands.contains(&at(said, "partner.netWorthBand"))
        && at(customer, "hasFinancialAdvisor") == Some(Value::Boolean(false))
}

#[test]
fn a_file_of_customers_holds_what_its_summary_says() {
    let desk = Desk::new();
    let summary = desk.customers("customers.csv", &["--rows", "1000", "--duplicate", "2%", "--broken", "3%"]);
    let (good, bad) = rows("crm_customers", &desk.bytes("customers.csv"));
    assert_eq!((summary.matched, summary.duplicates), (970, 20));
    assert_eq!(summary.rows, 1020);
    assert_eq!(summary.bytes, desk.bytes("customers.csv").len() as u64);
    assert_eq!(good.len() as u64, summary.matched + summary.duplicates);
    assert_eq!(codes(&bad), summary.broken);
    assert!(summary.broken.len() >= 5, "{:?}", summary.broken);
    let people = last_of_each(good, "personalEmail.address");
    assert_eq!(people.len() as u64, summary.matched);
    assert_eq!(text(&people["bobby.bank@example.com"], "crmId"), "CRMID-0000001");
    assert_eq!(text(&people["bobby.bank@example.com"], "person.name.lastName"), "Bank");
}

#[test]
fn equal_seeds_write_equal_files() {
    let desk = Desk::new();
    for (out, seed) in [("one.csv", "7"), ("same.csv", "7"), ("other.csv", "8")] {
        desk.customers(out, &["--rows", "300", "--seed", seed, "--broken", "5%", "--duplicate", "5%"]);
    }
    assert_eq!(desk.bytes("one.csv"), desk.bytes("same.csv"));
    assert_ne!(desk.bytes("one.csv"), desk.bytes("other.csv"));
}

#[test]
fn an_answer_holds_what_its_summary_says_and_predicts_the_audience() {
    let desk = Desk::new();
    desk.customers("customers.csv", &["--rows", "2000", "--duplicate", "1%", "--broken", "1%"]);
    desk.seed();
    let shares = ["--matched", "70%", "--unmatched", "5%", "--duplicate", "2%", "--broken", "2%"];
    let summary = desk.answer("answer.csv", &shares);

    let (good, bad) = rows("northlight_enrichment", &desk.bytes("answer.csv"));
    assert_eq!(summary.asked, Some(1980));
    assert!(summary.matched.abs_diff(1980 * 70 / 100 * 98 / 100) <= 2, "{summary:?}");
    assert!(summary.unmatched.abs_diff(69) <= 1, "{summary:?}");
    assert_eq!(codes(&bad), summary.broken);
    assert_eq!(good.len() as u64, summary.matched + summary.unmatched + summary.duplicates);
    assert_eq!((good.len() + bad.len()) as u64, summary.rows);

    let said = last_of_each(good, "matchKey.email");
    let customers = rows("crm_customers", &desk.bytes("customers.csv")).0;
    let customers = last_of_each(customers, "personalEmail.address");
    let strangers = said.keys().filter(|email| !customers.contains_key(*email)).count() as u64;
    assert_eq!(strangers, summary.unmatched);
    let prospects: Vec<_> =
        customers.iter().filter(|(email, known)| is_prospect(known, said.get(*email))).collect();
    assert!(prospects.iter().any(|(email, _)| *email == "bobby.bank@example.com"));
    let expected = summary.expected.unwrap();
    assert_eq!(expected[&"high_earning_homeowner_prospects".parse().unwrap()], prospects.len() as u64);
    assert_eq!(expected[&"all_customers".parse().unwrap()], 1980);
}

#[test]
fn the_second_answer_differs_in_the_stated_share_of_rows() {
    let desk = Desk::new();
    desk.customers("customers.csv", &["--rows", "1000"]);
    desk.seed();
    desk.answer("first.csv", &["--matched", "100%"]);
    let summary = desk.answer("second.csv", &["--matched", "100%", "--round", "2", "--changed", "5%"]);
    let third = desk.answer("third.csv", &["--matched", "100%", "--round", "3", "--changed", "5%"]);

    let people =
        |name: &str| last_of_each(rows("northlight_enrichment", &desk.bytes(name)).0, "matchKey.email");
    let differ = |one: &str, other: &str| {
        let (one, other) = (people(one), people(other));
        assert!(one.keys().eq(other.keys()));
        one.iter().filter(|(email, said)| other[*email] != **said).count() as u64
    };
    assert!(summary.changed.abs_diff(50) <= 1, "{summary:?}");
    assert_eq!(differ("first.csv", "second.csv"), summary.changed);
    assert_eq!(differ("second.csv", "third.csv"), third.changed);
    assert_eq!(people("first.csv")["bobby.bank@example.com"], people("third.csv")["bobby.bank@example.com"]);
}

#[test]
fn the_order_of_rows_in_a_seed_file_does_not_matter_where_the_customers_are_known() {
    let desk = Desk::new();
    desk.customers("customers.csv", &["--rows", "200"]);
    desk.seed();
    desk.answer("one.csv", &[]);
    let seed = String::from_utf8(desk.bytes("seed.csv")).unwrap();
    let mut lines: Vec<&str> = seed.lines().collect();
    lines[1..].reverse();
    fs::write(desk.path("seed.csv"), lines.join("\r\n")).unwrap();
    desk.answer("other.csv", &[]);
    assert_eq!(desk.bytes("one.csv"), desk.bytes("other.csv"));
}

#[test]
fn a_seed_file_in_clear_needs_no_customers_and_one_of_hashes_does() {
    let desk = Desk::new();
    let seed = desk.path("seed.csv");
    let arguments = ["--seed-file", seed.to_str().unwrap(), "--matched", "100%", "--unmatched", "0%"];
    fs::write(&seed, "email\nA@example.com\nbobby.bank@example.com\na@example.com\n").unwrap();
    let summary = desk.generate("answer", "northlight_enrichment", "answer.csv", &arguments).unwrap();
    assert_eq!((summary.asked, summary.matched, summary.expected), (Some(2), 2, None));

    fs::write(&seed, format!("email\n{}\n", hex::encode([7; 32]))).unwrap();
    let error = desk.generate("answer", "northlight_enrichment", "answer.csv", &arguments).unwrap_err();
    assert!(error.to_string().contains("`--customers`"), "{error}");
}

#[test]
fn an_unknown_dataset_is_an_error_that_lists_the_known_ones() {
    let error = Desk::new().generate("customers", "nothing", "x.csv", &[]).unwrap_err().to_string();
    assert!(error.contains("expected one of `crm_customers`, `northlight_enrichment`"), "{error}");
}
