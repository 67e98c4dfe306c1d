//! What people do by the command, and what the audit tells of it.

use serde_json::{Value, json};
use tests::flow::Flow;
use tests::graph_api::{GraphApi, Settings};

use crate::bank::{BOBBY, BOBBYS_ANSWER, Bank, CARLA, answer, answer_of, customers};

const BOBBYS_EMAIL: &str = "bobby.bank@example.com";

impl Bank {
    /// A bank of which a person has applied the project, by the command.
    async fn applied_by(person: &str) -> Bank {
        let bank = Bank { flow: Flow::start().await, vendor: GraphApi::start(Settings::default()).unwrap() };
        bank.flow.local.project.point_facebook_at(&bank.vendor.base_url());
        assert_eq!(bank.apply(&["--by", person]), (0, json!("applied")));
        bank
    }

    /// Applies the project, and answers with the exit code and how it ended.
    fn apply(&self, arguments: &[&str]) -> (i32, Value) {
        let folder = self.flow.local.project.path().display().to_string();
        let ran = self.flow.local.tributary(&[&["apply", &folder], arguments].concat());
        (ran.code, ran.printed[0]["outcome"].clone())
    }

    /// The account, each event by its name, the sequence of its catalogue and some of what it says.
    fn account(&self, arguments: &[&str]) -> Vec<Value> {
        let ran = self.flow.local.tributary(&[&["audit"], arguments].concat());
        assert!(!ran.text.contains('@') && !ran.text.contains("C-1"), "somebody is named: {}", ran.text);
        ran.printed
    }
}

/// An event in short.
fn short(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let said = match event["event"].as_str().unwrap() {
        "applied" => text("by"),
        "refused" => format!("{} during {}", text("dataflow"), text("during")),
        "called" => format!("{} {} {}", text("operation"), event["records"], text("dataflow")),
        "split" => format!("{} by {}", event["identities"], text("by")),
        other => format!("unheard of: {other}"),
    };
    format!("{} {} {said}", event["sequence"], text("event"))
}

#[tokio::test]
async fn an_account_tells_every_apply_refusal_call_rollback_and_split_under_its_catalogue() {
    let bank = Bank::applied_by("steward").await;
    bank.flow.bring("crm/customers.csv", &customers(&[BOBBY, CARLA])).await;
    bank.flow.bring(&answer_of("2026-02-01"), &answer(&[BOBBYS_ANSWER])).await;
    bank.catch_up().await;
    let local = &bank.flow.local;
    // What is refused changes nothing, and is no part of what was in force.
    local.project.edit("project.yaml", "title: SecurFinancial", "title: Secure");
    assert_eq!(bank.apply(&["--strict"]), (1, json!("refused")));
    assert_eq!(bank.apply(&[]), (0, json!("applied")));
    let poor = BOBBYS_ANSWER.replace("over_1m", "under_100k");
    bank.flow.bring(&answer_of("2026-02-02"), &answer(&[&poor])).await;
    bank.catch_up().await;
    assert_eq!(local.tributary(&["rollback", "1", "--by", "steward"]).code, 0);
    let split = ["graph", "split", "--namespace", "Email", "--value", BOBBYS_EMAIL, "--reason", "two people"];
    assert_eq!(local.tributary(&split).printed[0]["done"], json!(false));
    assert_eq!(local.tributary(&[&split[..], &["--yes"]].concat()).printed[0]["done"], json!(true));

    let events = bank.account(&[]);
    let told: Vec<String> = events.iter().map(short).collect();
    assert_eq!(
        told,
        [
            "1 applied steward",
            "1 refused prospects_to_email during apply",
            "1 refused prospects_to_email during apply",
            "1 called add 1 prospects_to_facebook",
            "2 applied dora",
            "2 refused prospects_to_email during apply",
            "2 refused prospects_to_email during apply",
            "2 called remove 1 prospects_to_facebook",
            "3 applied steward",
            "3 refused prospects_to_email during apply",
            "3 refused prospects_to_email during apply",
            "3 split 1 by dora",
        ]
    );
    let of = |word: &str| events.iter().filter(|event| event["event"] == word).collect::<Vec<_>>();
    let [first, second, third] = of("applied")[..] else { panic!("three were applied") };
    assert_eq!(first["catalogue"], third["catalogue"], "back to the same");
    assert_ne!(first["catalogue"], second["catalogue"]);
    assert_eq!(first["blocked"], json!(["prospects_to_email"]));
    for (call, catalogue) in of("called").into_iter().zip([first, second]) {
        assert_eq!(call["catalogue"], catalogue["catalogue"]);
        assert_eq!(call["policies"], catalogue["policies"]);
    }
    let bobby = bank.profile("CRMID", "C-1").await.id;
    let (from, to) = (of("split")[0]["from"].as_str().unwrap(), of("split")[0]["to"].as_str().unwrap());
    assert_eq!(from, bobby.as_str());
    assert_eq!(to, bank.profile("Email", BOBBYS_EMAIL).await.id.as_str());

    let second = bank.account(&["--catalogue", "2"]);
    assert_eq!(second.iter().map(short).collect::<Vec<_>>(), told[4..8]);
    let of_dataflow = bank.account(&["--dataflow", "prospects_to_facebook"]);
    let calls = of_dataflow.iter().filter(|event| event["event"] != "applied").map(short);
    assert_eq!(calls.collect::<Vec<_>>(), [told[3].as_str(), told[7].as_str()]);
}
