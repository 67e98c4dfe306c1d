//! The story: a seed set goes out, a partner's answer comes in, an audience reaches Facebook, and a dataflow is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use tests::deployed::eventually;
use tests::example::{OWN, PARTNER, REFUSED, answer_of, digest};

use crate::bank::{Bank, DELIVERED_WITHIN};

const PROSPECTS: &str = "high_earning_homeowner_prospects";

#[tokio::test]
async fn a_partner_file_becomes_a_governed_audience_at_facebook() {
    let bank = Bank::deploy(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let [customers, seed, answer] =
        ["customers.csv", "seed.csv", "answer.csv"].map(|name| folder.path().join(name));
    bank.at.apply();

    let summary = generate(&bank, &["customers", "--dataset", OWN, "--rows", "500"], &customers);
    let counts = bank.bring(OWN, "crm/customers.csv", std::fs::read(&customers).unwrap()).await;
    assert_eq!((counts.received, counts.ingested, counts.created), (500, 500, 500), "{counts:?}");
    bank.at.evaluate();

    let known = emails(&customers);
    let asked_for = the_seed_set(&bank, &known).await;
    assert_eq!(summary.pointer("/expected/all_customers").unwrap(), known.len());
    std::fs::write(&seed, format!("email_sha256\n{}\n", Vec::from_iter(asked_for).join("\n"))).unwrap();

    let files = [path(&seed), path(&customers)];
    let [seed, from] = files.each_ref().map(String::as_str);
    let shares = ["--duplicate", "2%", "--broken", "1%", "--unmatched", "5%"];
    let what = ["answer", "--dataset", PARTNER, "--seed-file", seed, "--customers", from];
    let summary = generate(&bank, &[&what[..], &shares[..]].concat(), &answer);
    let key = answer_of("2026-02-01");
    let counts = bank.bring(PARTNER, &key, std::fs::read(&answer).unwrap()).await;
    let number = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap();
    assert_eq!(
        (counts.received, counts.matched, counts.unmatched, counts.failed["duplicate"]),
        (number("rows"), number("matched"), number("unmatched"), number("duplicates")),
        "{counts:?}"
    );
    bank.at.evaluate();

    let prospects = prospects(&customers, &answer);
    assert_eq!(summary.pointer("/expected").unwrap()[PROSPECTS], prospects.len(), "the summary is right");
    assert!(prospects.contains(&digest("bobby.bank@example.com")) && prospects.len() > 5, "{prospects:?}");
    bank.reaches_facebook(&prospects).await;

    bobby_has_a_card_of_partner_data(&bank);
    the_other_dataflow_is_refused(&bank).await;
    bank.leaves_no_clear_text().await;
}

/// Writes a file by the command line's generator, and answers its summary.
fn generate(bank: &Bank, what: &[&str], out: &Path) -> Value {
    let project = bank.at.project.path().display().to_string();
    let fixed = ["--project", &project, "--out", &path(out)].map(str::to_owned);
    let all: Vec<&str> =
        ["generate"].iter().chain(what).copied().chain(fixed.iter().map(String::as_str)).collect();
    bank.at.tributary(&all)
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// The hashes that went out to the partner, once they are those of everybody whom the bank knows: in files with one
/// column, and nothing else in it.
async fn the_seed_set(bank: &Bank, known: &BTreeSet<String>) -> BTreeSet<String> {
    let expected: BTreeSet<String> = known.iter().map(|email| digest(email)).collect();
    eventually("the seed set goes out", DELIVERED_WITHIN, async || {
        let mut hashes = BTreeSet::new();
        let (store, exports) = (&bank.at.store, &bank.at.store.deployment.exports);
        for key in store.objects.list(exports, "seeds/northlight").await.unwrap() {
            if key.ends_with(".csv") {
                let content = store.objects.read(exports, &key).await.unwrap().unwrap();
                let content = String::from_utf8(content).unwrap();
                let (header, rows) = content.split_once('\n').unwrap();
                assert_eq!(header.trim_end(), "email_sha256");
                hashes.extend(rows.lines().map(|line| line.trim_end().to_owned()));
            }
        }
        assert!(hashes.is_subset(&expected), "nothing but hashes of known addresses leaves: {hashes:?}");
        (hashes == expected).then_some(hashes)
    })
    .await
}

fn bobby_has_a_card_of_partner_data(bank: &Bank) {
    let found =
        bank.at.tributary(&["profile", "show", "--namespace", "Email", "--value", "bobby.bank@example.com"]);
    let [bobby] = Vec::from_iter(found.as_object().unwrap().values())[..] else { panic!("{found}") };
    let namespaces = |list: &str| -> Vec<String> {
        let list = bobby.pointer(list).and_then(Value::as_array).unwrap();
        list.iter().map(|id| id["namespace"]["code"].as_str().unwrap().to_owned()).collect()
    };
    let linked = namespaces("/entity/identities");
    assert!(["CRMID", "Email"].iter().all(|code| linked.contains(&(*code).to_owned())), "{linked:?}");
    assert!(!linked.contains(&"NorthlightID".to_owned()), "a partner ID links nobody: {linked:?}");
    assert_eq!(namespaces("/tributary/partnerIds"), ["NorthlightID"]);
    let status = bobby.pointer(&format!("/entity/segmentMembership/tributary/{PROSPECTS}/status")).unwrap();
    assert_eq!(status, "realized");
    let of = |card: &str| -> BTreeSet<String> {
        let card = bobby.pointer(card).and_then(Value::as_array).unwrap();
        card.iter().map(|attribute| attribute["dataset"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("/tributary/firstParty"), BTreeSet::from([OWN.to_owned()]));
    assert_eq!(of("/tributary/partners/northlight/attributes"), BTreeSet::from([PARTNER.to_owned()]));
}

async fn the_other_dataflow_is_refused(bank: &Bank) {
    let store = &bank.at.store;
    let kept = store.ledger.refusals(&REFUSED.parse().unwrap()).await.unwrap();
    let causes: Vec<String> = kept.iter().map(|record| record.refusal.cause.to_string()).collect();
    for cause in ["contract with partner `northlight`", "policy `partner_data_no_personalisation`"] {
        assert!(causes.iter().any(|kept| kept.contains(cause)), "{cause} is not among {causes:?}");
    }
    assert!(kept.iter().all(|record| !record.refusal.lineage.is_empty()));
    assert!(store.objects.list(&store.deployment.exports, "newsletter").await.unwrap().is_empty());
}

/// The rows of a file by the names of its columns; rows of another width or encoding are broken, and left out.
fn rows(file: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).unwrap();
    let header = reader.headers().unwrap().clone();
    let whole = reader.records().filter_map(Result::ok).filter(|record| record.len() == header.len());
    whole
        .map(|record| {
            header.iter().zip(&record).map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
        })
        .collect()
}

fn emails(customers: &Path) -> BTreeSet<String> {
    rows(customers).into_iter().map(|row| row["email"].clone()).collect()
}

/// Who should be at Facebook, worked out from the files by what the audience says in words, without the engine: the
/// partner says that they recently took a mortgage and own much; the bank knows no advisor of theirs.
fn prospects(customers: &Path, answer: &Path) -> BTreeSet<String> {
    let customers = rows(customers).into_iter();
    let unadvised: BTreeSet<String> = customers
        .filter(|row| row["has_financial_advisor"] == "false")
        .map(|row| row["email"].clone())
        .collect();
    // The last good row about an address stands.
    let mut says: BTreeMap<String, bool> = BTreeMap::new();
    for row in rows(answer).into_iter().filter(is_good) {
        let is_likely = row["recent_mortgage_likelihood"].parse().is_ok_and(|share: f64| share >= 0.7);
        let is_rich = ["500k_to_1m", "over_1m"].contains(&row["net_worth_band"].as_str());
        says.insert(row["email"].clone(), is_likely && is_rich);
    }
    let prospects = says.into_iter().filter(|(email, is_one)| *is_one && unadvised.contains(email));
    prospects.map(|(email, _)| digest(&email)).collect()
}

/// Whether the partner's dataset takes a row.
fn is_good(row: &BTreeMap<String, String>) -> bool {
    let bands = ["", "under_100k", "100k_to_250k", "250k_to_500k", "500k_to_1m", "over_1m"];
    let likelihood = &row["recent_mortgage_likelihood"];
    row["email"].contains('@')
        && bands.contains(&row["net_worth_band"].as_str())
        && ["", "owner", "renter", "unknown"].contains(&row["home_ownership"].as_str())
        && (likelihood.is_empty() || likelihood.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share)))
}
